// axonpush decode ws: WebSocket frames, judged as a client or a server would.
#include <axonpush/ws/frame.h>

#include <cstdio>
#include <vector>

#include "tool/command.h"
#include "tool/json_lines.h"

namespace axonpush::tool {

namespace {

constexpr char kUsage[] =
    "usage: axonpush decode ws [--jsonl] [--from server|client] [--binary-only] [HEX ...]\n"
    "  Judges the frames of one direction of a WebSocket connection (RFC 6455), after the handshake. Inputs are hex, "
    "or\n"
    "  lines of hex on stdin when there are none. --from tells who sent them (a server's are unmasked); --binary-only\n"
    "  refuses text, as MQTT does.\n"
    "  --jsonl reads {\"id\",\"raw\" (a character a byte) or \"hex\",\"from\",\"binary_only\"} lines and prints\n"
    "  "
    "{\"id\",\"verdict\":\"accept\"|\"reject\"|\"incomplete\",\"consumed\",\"close_code\",\"clause\",\"error\","
    "\"events\":[...]} lines.\n"
    "  Exit codes: 0 everything was accepted (--jsonl: could be read); 1 something was not; 2 wrong usage.\n";

struct Question {
  bool from_client = false;
  bool binary_only = false;
};

// One step of the decoder that means something.
struct Happening {
  const char* kind = "";
  bool text = false;
  bool message_end = false;
  std::uint16_t close_code = 0;
  std::vector<std::uint8_t> payload;
};

struct Answer {
  enum class Verdict : std::uint8_t {
    accept,
    reject,
    incomplete
  } verdict = Verdict::incomplete;
  std::vector<Happening> happenings;
  std::size_t consumed = 0;
  ws::Rule rule{};
};

const char* kind_of(ws::FrameDecoder::Kind kind) {
  switch (kind) {
    case ws::FrameDecoder::Kind::ping:
      return "ping";
    case ws::FrameDecoder::Kind::pong:
      return "pong";
    case ws::FrameDecoder::Kind::close:
      return "close";
    default:
      return "data";
  }
}

// Takes everything the bytes hold. Accepted: the bytes end where a frame ends, and no message is open.
Answer judge(const Question& question, std::vector<std::uint8_t> bytes) {
  ws::FrameDecoder decoder(
      {.role = question.from_client ? ws::Role::server : ws::Role::client, .accept_text = !question.binary_only});
  Answer answer;
  bool message_open = false;
  for (;;) {
    const MutableBytes left = MutableBytes(bytes).subspan(answer.consumed);
    const ws::FrameDecoder::Step step = decoder.next(left);
    if (step.kind == ws::FrameDecoder::Kind::error) {
      answer.verdict = Answer::Verdict::reject;
      answer.rule = step.rule;
      return answer;
    }
    answer.consumed += step.consumed;
    if (step.kind == ws::FrameDecoder::Kind::need_more) {
      const bool whole = answer.consumed == bytes.size() && !message_open && !answer.happenings.empty();
      answer.verdict = whole ? Answer::Verdict::accept : Answer::Verdict::incomplete;
      return answer;
    }
    if (step.kind == ws::FrameDecoder::Kind::data) message_open = !step.message_end;
    answer.happenings.push_back({kind_of(step.kind), step.text, step.message_end, step.close_code,
                                 std::vector<std::uint8_t>(step.payload.begin(), step.payload.end())});
    if (step.kind == ws::FrameDecoder::Kind::close) {
      answer.verdict = Answer::Verdict::accept;
      return answer;
    }
  }
}

const char* name_of(Answer::Verdict verdict) {
  return verdict == Answer::Verdict::accept ? "accept" : verdict == Answer::Verdict::reject ? "reject" : "incomplete";
}

void answer_line(const Question& question, std::vector<std::uint8_t> bytes, JsonOut& out) {
  const Answer answer = judge(question, std::move(bytes));
  out.key("verdict").string(name_of(answer.verdict)).key("consumed").number(answer.consumed);
  if (answer.verdict == Answer::Verdict::reject) {
    out.key("close_code").number(ws::close_code_of(answer.rule));
    out.key("error").string(ws::text_of(answer.rule)).key("clause").string(ws::clause_of(answer.rule));
  }
  out.key("events").begin_array();
  for (const Happening& happening : answer.happenings) {
    out.begin_object().key("kind").string(happening.kind);
    if (std::string_view(happening.kind) == "data") {
      out.key("text").boolean(happening.text).key("message_end").boolean(happening.message_end);
    }
    if (happening.close_code != 0) out.key("code").number(happening.close_code);
    out.key("payload_hex").string(to_hex(happening.payload.data(), happening.payload.size())).end_object();
  }
  out.end_array();
}

bool judge_line(const std::string& line, JsonOut& out) {
  JsonNode root;
  std::string error;
  std::vector<std::uint8_t> bytes;
  out.begin_object();
  bool fine = parse_json(line, root, error);
  if (fine) {
    if (const JsonNode* id = root.find("id")) out.key("id").node(*id);
    fine = read_input(root, bytes, error);
  }
  if (fine) {
    const Question question{root.text_of("from", "server") == "client", root.boolean_of("binary_only", false)};
    answer_line(question, std::move(bytes), out);
  } else {
    out.key("verdict").string("unreadable").key("error").string(error);
  }
  out.end_object();
  return fine;
}

bool show(const Question& question, std::string_view hex) {
  std::vector<std::uint8_t> bytes;
  if (!parse_hex(hex, bytes)) {
    std::printf("error: not hex: %s\n", printable(hex.substr(0, 80)).c_str());
    return false;
  }
  const Answer answer = judge(question, std::move(bytes));
  for (const Happening& happening : answer.happenings) {
    std::printf("%s%s%s, %zu bytes", happening.kind, happening.text ? " (text)" : "",
                happening.message_end ? ", end of the message" : "", happening.payload.size());
    if (happening.close_code != 0) std::printf(", code %u", static_cast<unsigned>(happening.close_code));
    std::printf("\n");
    if (!happening.payload.empty()) {
      std::printf("  %s\n", printable(axonpush::text_of(Bytes(happening.payload))).c_str());
    }
  }
  if (answer.verdict == Answer::Verdict::reject) {
    std::printf("error: %s, in the frame at byte %zu, close code %u, %s\n",
                std::string(ws::text_of(answer.rule)).c_str(), answer.consumed,
                static_cast<unsigned>(ws::close_code_of(answer.rule)), std::string(ws::clause_of(answer.rule)).c_str());
  } else if (answer.verdict == Answer::Verdict::incomplete) {
    std::printf("incomplete: %zu bytes are done with\n", answer.consumed);
  }
  return answer.verdict == Answer::Verdict::accept;
}

}  // namespace

int decode_ws(Arguments arguments) {
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
    } else if (option == "--binary-only") {
      question.binary_only = true;
    } else if (option == "--from" && !arguments.empty() && (arguments[0] == "server" || arguments[0] == "client")) {
      question.from_client = arguments[0] == "client";
      arguments = arguments.subspan(1);
    } else {
      std::fputs(kUsage, stderr);
      return 2;
    }
  }
  bool fine = true;
  if (!lines && !arguments.empty()) {
    for (const std::string_view hex : arguments) fine = show(question, hex) && fine;
    return fine ? 0 : 1;
  }
  for (std::string line; read_line(stdin, line);) {
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    if (!lines) {
      fine = show(question, line) && fine;
      continue;
    }
    JsonOut out;
    fine = judge_line(line, out) && fine;
    std::printf("%s\n", out.text().c_str());
  }
  return fine ? 0 : 1;
}

}  // namespace axonpush::tool
