// axonpush decode json: documents, judged by the reader the events go through.
#include <axonpush/json/reader.h>

#include <cstdio>
#include <vector>

#include "tool/command.h"
#include "tool/json_lines.h"

namespace axonpush::tool {

namespace {

constexpr char kUsage[] =
    "usage: axonpush decode json [--lines | --jsonl] [TEXT ...]\n"
    "  Judges each document (RFC 8259, strict) and prints its members or elements. Inputs are arguments; when there "
    "are\n"
    "  none all of stdin is one document, or with --lines each of its lines.\n"
    "  --jsonl reads {\"id\",\"raw\" (a character a byte), \"text\" or \"hex\"} lines and prints\n"
    "  "
    "{\"id\",\"verdict\":\"accept\"|\"reject\",\"kind\",\"offset\",\"error\",\"code\",\"clause\",\"members\":[[\"key\","
    "\"raw "
    "value\"],...]} lines.\n"
    "  Exit codes: 0 everything was accepted; 1 something was not; 2 wrong usage.\n";

const char* name_of(json::Kind kind) {
  static constexpr const char* kNames[] = {"absent", "null", "boolean", "number", "string", "array", "object"};
  return kNames[static_cast<std::size_t>(kind)];
}

bool has_parts(const json::Value& value) { return value.kind == json::Kind::object || value.kind == json::Kind::array; }

std::string undone(std::string_view escaped) {
  std::vector<std::uint8_t> scratch(escaped.size());
  std::string_view text;
  return json::unescape(escaped, scratch, text) ? std::string(text) : std::string(escaped);
}

bool show(std::string_view text) {
  json::Value root;
  if (const Error error = json::validate(bytes_of(text), json::Limits{}, root)) {
    std::printf("error: %s, at byte %u, %s\n", std::string(error.what()).c_str(), static_cast<unsigned>(error.offset()),
                std::string(error.clause()).c_str());
    return false;
  }
  std::printf("%s, %zu bytes\n", name_of(root.kind), root.raw.size());
  if (!has_parts(root)) return true;
  json::Cursor cursor(root);
  for (json::Member member; cursor.next(member);) {
    std::printf("  %s%s%s: %s\n", printable(member.key).c_str(), member.key.empty() ? "" : " ",
                name_of(member.value.kind), printable(member.value.raw).c_str());
  }
  return true;
}

void answer_line(std::string_view text, JsonOut& out) {
  json::Value root;
  if (const Error error = json::validate(bytes_of(text), json::Limits{}, root)) {
    out.key("verdict").string("reject").key("offset").number(error.offset());
    out.key("error").string(error.what()).key("code").string(axonpush::name_of(error.code()));
    out.key("clause").string(error.clause());
    return;
  }
  out.key("verdict").string("accept").key("kind").string(name_of(root.kind));
  if (!has_parts(root)) {
    out.key("value").string(root.raw);
    return;
  }
  out.key("members").begin_array();
  json::Cursor cursor(root);
  for (json::Member member; cursor.next(member);) {
    out.begin_array().string(undone(member.key)).string(member.value.raw).end_array();
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
    const JsonNode* const text = root.find("text");
    if (text != nullptr && text->kind == JsonNode::Kind::string) {
      bytes.assign(text->text.begin(), text->text.end());
    } else {
      fine = read_input(root, bytes, error);
    }
  }
  if (fine) {
    answer_line(axonpush::text_of(Bytes(bytes)), out);
  } else {
    out.key("verdict").string("unreadable").key("error").string(error);
  }
  out.end_object();
  return fine;
}

enum class Form : std::uint8_t {
  whole,
  lines,
  jsonl
};

bool judge_stdin(Form form) {
  bool fine = true;
  std::string line;
  if (form == Form::whole) {
    char block[4096];
    for (std::size_t got = 0; (got = std::fread(block, 1, sizeof block, stdin)) > 0;) line.append(block, got);
    return show(line);
  }
  while (read_line(stdin, line)) {
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    if (form == Form::lines) {
      fine = show(line) && fine;
      continue;
    }
    JsonOut out;
    fine = judge_line(line, out) && fine;
    std::printf("%s\n", out.text().c_str());
  }
  return fine;
}

}  // namespace

int decode_json(Arguments arguments) {
  Form form = Form::whole;
  while (!arguments.empty() && arguments[0].starts_with("--")) {
    const std::string_view option = arguments[0];
    arguments = arguments.subspan(1);
    if (option == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (option != "--jsonl" && option != "--lines") {
      std::fputs(kUsage, stderr);
      return 2;
    }
    form = option == "--jsonl" ? Form::jsonl : Form::lines;
  }
  bool fine = true;
  if (form != Form::whole || arguments.empty()) {
    fine = judge_stdin(form);
  } else {
    for (const std::string_view text : arguments) fine = show(text) && fine;
  }
  return fine ? 0 : 1;
}

}  // namespace axonpush::tool
