// axonpush decode http: see the usage below.
#include <axonpush/http/http1.h>

#include <cstdio>

#include "tool/command.h"
#include "tool/json_lines.h"

namespace axonpush::tool {

namespace {

using http::StepKind;
using http::StreamEnd;

constexpr char kUsage[] =
    "usage: axonpush decode http [--request] [--method METHOD] [--cut] [HEX ...]\n"
    "       axonpush decode http --jsonl < LINES\n"
    "  Judges HTTP/1.1 messages and prints them. HEX is an argument each; without any, stdin is one message as it is.\n"
    "  --request: the message is a request. --method: what the response answers (HEAD, CONNECT). --cut: the stream\n"
    "  ended without close_notify.\n"
    "  --jsonl: each line of stdin is an object {\"id\",\"raw\" or "
    "\"hex\",\"part\",\"request_method\",\"upgrade\",\"end\"}. "
    "raw has\n"
    "  one character per byte; part (request or response), request_method, upgrade (false: 101 was not asked for) and "
    "end\n"
    "  (cut or orderly) may be missing.\n"
    "  Answers "
    "{\"id\",\"verdict\",\"status\",\"version\",\"reason_phrase\",\"headers\",\"body\",\"complete\",\"consumed\","
    "\"error\"}, "
    "verdict being\n"
    "  accept, reject or incomplete; a request has method and target in place of status and reason_phrase. Strings "
    "have\n"
    "  one character per byte. Of several messages the first final one is judged.\n";

// What is to be judged, and how.
struct Question {
  bool is_request = false;
  bool upgrade_requested = true;  // a message alone cannot tell, so a 101 is taken for one that was asked for
  StreamEnd end = StreamEnd::orderly;
  std::string method;
};

struct Answer {
  enum class Verdict : std::uint8_t {
    accept,
    reject,
    incomplete
  };
  Verdict verdict = Verdict::incomplete;
  bool has_head = false;
  bool ended_by_stream = false;  // only the end of the stream ended the body
  std::size_t consumed = 0;
  std::string body;
  Error error;
};

constexpr std::string_view kVerdicts[] = {"accept", "reject", "incomplete"};

template <class Decoder>
Answer judge(Decoder& decoder, Bytes input, StreamEnd end) {
  Answer answer;
  for (;;) {
    http::Step step = decoder.next(input.subspan(answer.consumed));
    answer.consumed += step.consumed;
    if (step.kind == StepKind::head) answer.has_head = true;
    if (step.kind == StepKind::body) answer.body += text_of(step.data);
    if (step.kind == StepKind::need_more) {
      step = decoder.finish(end);
      answer.ended_by_stream = true;
    }
    if (step.kind == StepKind::done) {
      answer.verdict = Answer::Verdict::accept;
      return answer;
    }
    if (step.kind == StepKind::error) {
      answer.error = decoder.error();
      answer.verdict =
          answer.error.code() == Errc::http_truncated ? Answer::Verdict::incomplete : Answer::Verdict::reject;
      return answer;
    }
  }
}

http::ResponseDecoder response_decoder(const Question& question) {
  http::ResponseContext context;
  context.head_request = question.method == "HEAD";
  context.connect_request = question.method == "CONNECT";
  context.upgrade_requested = question.upgrade_requested;
  return http::ResponseDecoder(context);
}
http::RequestDecoder request_decoder() {
  // The bytes are judged, not served: whether a missing Host is answered with 400 is the service's affair.
  http::RequestContext context;
  context.require_host = false;
  return http::RequestDecoder(context);
}

// --- JSON lines

void write_headers(std::span<const http::Header> headers, JsonOut& out) {
  out.key("headers").begin_array();
  for (const http::Header& header : headers) {
    out.begin_array().string(widened(header.name)).string(widened(header.value)).end_array();
  }
  out.end_array();
}

void write_answer(const Answer& answer, std::uint8_t version_minor, std::span<const http::Header> headers,
                  JsonOut& out) {
  if (answer.has_head) {
    out.key("version").string(version_minor == 0 ? "1.0" : "1.1");
    write_headers(headers, out);
    out.key("body").string(widened(answer.body));
    out.key("complete").boolean(answer.verdict == Answer::Verdict::accept && !answer.ended_by_stream);
    if (answer.ended_by_stream) {
      out.key("body_ends").string(answer.verdict == Answer::Verdict::accept ? "at_eof" : "incomplete");
    }
  }
  out.key("consumed").number(answer.consumed);
  if (answer.error) {
    out.key("error").string(name_of(answer.error.code())).key("what").string(answer.error.what());
    out.key("clause").string(answer.error.clause()).key("offset").number(answer.error.offset());
  } else {
    out.key("error").null();
  }
}

void answer_line(const Question& question, Bytes input, JsonOut& out) {
  if (question.is_request) {
    http::RequestDecoder decoder = request_decoder();
    const Answer answer = judge(decoder, input, question.end);
    out.key("verdict").string(kVerdicts[static_cast<std::size_t>(answer.verdict)]);
    if (answer.has_head) {
      out.key("method").string(widened(decoder.head().method)).key("target").string(widened(decoder.head().target));
    }
    return write_answer(answer, decoder.head().version_minor, decoder.head().headers, out);
  }
  http::ResponseDecoder decoder = response_decoder(question);
  const Answer answer = judge(decoder, input, question.end);
  out.key("verdict").string(kVerdicts[static_cast<std::size_t>(answer.verdict)]);
  if (answer.has_head) {
    out.key("status").number(decoder.head().status).key("reason_phrase").string(widened(decoder.head().reason));
  }
  write_answer(answer, decoder.head().version_minor, decoder.head().headers, out);
}

// False when the line could not be read at all.
bool judge_line(const std::string& line, std::vector<std::uint8_t>& bytes, JsonOut& out) {
  JsonNode root;
  std::string error;
  bool fine = parse_json(line, root, error);
  out.begin_object();
  if (const JsonNode* id = fine ? root.find("id") : nullptr) out.key("id").node(*id);
  fine = fine && read_input(root, bytes, error);
  if (fine) {
    Question question;
    question.is_request = root.text_of("part") == "request";
    question.method = root.text_of("request_method");
    question.upgrade_requested = root.boolean_of("upgrade", true);
    question.end = root.text_of("end") == "cut" ? StreamEnd::cut : StreamEnd::orderly;
    answer_line(question, bytes, out);
  } else {
    out.key("verdict").string("unreadable").key("error").string(error);
  }
  out.end_object();
  return fine;
}

int run_lines() {
  bool fine = true;
  std::vector<std::uint8_t> bytes;
  for (std::string line; read_line(stdin, line);) {
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    JsonOut out;
    fine = judge_line(line, bytes, out) && fine;
    std::printf("%s\n", out.text().c_str());
  }
  return fine ? 0 : 1;
}

// --- Readably

bool print_answer(const Answer& answer, std::span<const http::Header> headers, std::size_t size) {
  if (answer.has_head) {
    for (const http::Header& header : headers) {
      std::printf("  %s: %s\n", printable(header.name).c_str(), printable(header.value).c_str());
    }
    std::printf(
        "  body of %zu bytes%s\n", answer.body.size(),
        answer.verdict == Answer::Verdict::accept && answer.ended_by_stream ? ", up to the end of the stream" : "");
    if (!answer.body.empty()) std::printf("    %s\n", printable(answer.body).c_str());
  }
  if (answer.verdict == Answer::Verdict::accept) {
    if (answer.consumed < size) std::printf("  %zu bytes follow that are not part of it\n", size - answer.consumed);
    return true;
  }
  const std::string what(answer.error.what());
  const std::string clause(answer.error.clause());
  if (answer.verdict == Answer::Verdict::incomplete) {
    std::printf("incomplete: %zu bytes\n", size);
  } else {
    std::printf("error: %s, at byte %u, %s, %s\n", what.c_str(), static_cast<unsigned>(answer.error.offset()),
                std::string(name_of(answer.error.code())).c_str(), clause.c_str());
  }
  return false;
}

bool show(const Question& question, Bytes input) {
  if (question.is_request) {
    http::RequestDecoder decoder = request_decoder();
    const Answer answer = judge(decoder, input, question.end);
    if (answer.has_head) {
      std::printf("%s %s HTTP/1.%u\n", printable(decoder.head().method).c_str(),
                  printable(decoder.head().target).c_str(), static_cast<unsigned>(decoder.head().version_minor));
    }
    return print_answer(answer, decoder.head().headers, input.size());
  }
  http::ResponseDecoder decoder = response_decoder(question);
  const Answer answer = judge(decoder, input, question.end);
  if (answer.has_head) {
    std::printf("HTTP/1.%u %u %s\n", static_cast<unsigned>(decoder.head().version_minor),
                static_cast<unsigned>(decoder.head().status), printable(decoder.head().reason).c_str());
  }
  return print_answer(answer, decoder.head().headers, input.size());
}

std::vector<std::uint8_t> all_of_stdin() {
  std::vector<std::uint8_t> bytes;
  std::uint8_t part[4096];
  while (const std::size_t size = std::fread(part, 1, sizeof part, stdin)) bytes.insert(bytes.end(), part, part + size);
  return bytes;
}

}  // namespace

int decode_http(Arguments arguments) {
  Question question;
  bool lines = false;
  while (!arguments.empty() && arguments[0].starts_with('-')) {
    const std::string_view option = arguments[0];
    arguments = arguments.subspan(1);
    if (option == "--help" || option == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (option == "--jsonl") {
      lines = true;
    } else if (option == "--request") {
      question.is_request = true;
    } else if (option == "--cut") {
      question.end = StreamEnd::cut;
    } else if (option == "--method" && !arguments.empty()) {
      question.method = arguments[0];
      arguments = arguments.subspan(1);
    } else {
      std::fputs(kUsage, stderr);
      return 2;
    }
  }
  if (lines) return run_lines();
  if (arguments.empty()) return show(question, all_of_stdin()) ? 0 : 1;
  bool fine = true;
  std::vector<std::uint8_t> bytes;
  for (const std::string_view hex : arguments) {
    if (!parse_hex(hex, bytes)) {
      std::printf("error: not hex: %s\n", printable(hex.substr(0, 80)).c_str());
      fine = false;
      continue;
    }
    fine = show(question, bytes) && fine;
  }
  return fine ? 0 : 1;
}

}  // namespace axonpush::tool
