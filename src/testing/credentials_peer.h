// One connection to the credentials endpoint: strict HTTP/1.1 in, the backend's answers out.
//
// Thread rule: the service's thread.
#pragma once

#include <axonpush/http/http1.h>

#include <string>

#include "testing/peer.h"

namespace axonpush::inline v0::testing {

class CredentialsPeer final : public Peer {
 public:
  CredentialsPeer(Server& server, Stream stream, std::uint64_t id);
  void on_later(std::vector<std::uint8_t> bytes, unsigned purpose) override;

 private:
  // What was asked, kept while the body goes by: the head's views do not outlive the call.
  struct Request {
    enum class Method : std::uint8_t {
      get,
      post,
      other
    } method = Method::other;
    bool path_known = false;
    bool key_right = false;
    bool tenant_right = false;
    bool has_content_type = false;
    bool keep_alive = false;
    std::size_t body_bytes = 0;
  };
  struct Answer {
    std::uint16_t status = 200;
    std::string body;
    std::string retry_after;
  };

  std::size_t on_input(MutableBytes input) override;
  void on_deadline(Instant now) override;
  void on_end() override {}
  void read_head(const http::RequestHead& head);
  void reply();
  [[nodiscard]] Answer judge();
  [[nodiscard]] Answer refusal(std::uint16_t status) const;
  void send_answer(const Answer& answer);

  http::RequestDecoder decoder_;
  Request request_;
  bool answering_ = false;  // a delayed answer is under way: nothing more is read
};

}  // namespace axonpush::inline v0::testing
