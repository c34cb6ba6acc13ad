#include "tool/report.h"

#include <axonpush/net/reactor.h>
#include <unistd.h>

#include <cstdio>

#include "tool/client_flags.h"
#include "tool/json_lines.h"

namespace axonpush::tool {

namespace {

constexpr int kStepWidth = 20;

constexpr std::size_t kNoteWidth = 100;

std::string milliseconds_text(Duration span) {
  char text[32];
  std::snprintf(text, sizeof text, "%lld.%02lld", static_cast<long long>(span.milliseconds()),
                static_cast<long long>(span.microseconds() % 1000 / 10));
  return text;
}

// In lines of at most kNoteWidth, broken at spaces.
std::vector<std::string> wrapped(std::string_view text) {
  std::vector<std::string> lines;
  while (text.size() > kNoteWidth) {
    std::size_t cut = text.rfind(' ', kNoteWidth);
    if (cut == std::string_view::npos || cut == 0) cut = kNoteWidth;
    lines.emplace_back(text.substr(0, cut));
    text.remove_prefix(cut < text.size() && text[cut] == ' ' ? cut + 1 : cut);
  }
  lines.emplace_back(text);
  return lines;
}

const char* plural(unsigned count) { return count == 1 ? "" : "s"; }

}  // namespace

Report::Report(Form form) : form_(form), terminal_(form == Form::text && isatty(STDOUT_FILENO) != 0) {}

void Report::begin(std::string_view step) {
  step_ = step;
  started_ = net::Reactor::clock();
  if (!terminal_) return;
  std::printf("\033[2m… %s\033[0m\r", step_.c_str());
  std::fflush(stdout);
}

void Report::print(std::string_view mark, std::string_view colour, std::string_view detail,
                   const std::vector<std::string>& notes) {
  const std::string painted =
      terminal_ ? "\033[" + std::string(colour) + "m" + std::string(mark) + "\033[0m" : std::string(mark);
  std::printf("%s%s %-*s %8s ms  %.*s\n", terminal_ ? "\033[2K" : "", painted.c_str(), kStepWidth, step_.c_str(),
              milliseconds_text(taken_).c_str(), static_cast<int>(detail.size()), detail.data());
  for (const std::string& note : notes) std::printf("%*s%s\n", kStepWidth + 16, "", note.c_str());
  std::fflush(stdout);
}

void Report::pass(std::string_view detail, const std::vector<std::string>& notes) {
  taken_ = net::Reactor::clock() - started_;
  total_ = total_ + taken_;
  ++passed_;
  if (form_ == Form::text) return print("✓", "32", detail, notes);
  JsonOut out;
  out.begin_object().key("step").string(step_).key("ok").boolean(true);
  out.key("ms").raw(milliseconds_text(taken_)).key("detail").string(detail).key("notes").begin_array();
  for (const std::string& note : notes) out.string(note);
  out.end_array().end_object();
  std::printf("%s\n", out.text().c_str());
  std::fflush(stdout);
}

void Report::fail(const Error& error, std::string_view hint, const std::vector<std::string>& notes) {
  taken_ = net::Reactor::clock() - started_;
  total_ = total_ + taken_;
  failed_ = true;
  failed_step_ = step_;
  const std::string sentence = sentence_of(error);
  if (form_ == Form::text) {
    std::vector<std::string> lines = notes;
    if (!hint.empty()) {
      for (std::string& line : wrapped("hint: " + std::string(hint))) lines.push_back(std::move(line));
    }
    return print("✗", "31", sentence, lines);
  }
  JsonOut out;
  out.begin_object().key("step").string(step_).key("ok").boolean(false);
  out.key("ms").raw(milliseconds_text(taken_)).key("error").string(name_of(error.code()));
  out.key("reason").string(sentence).key("hint").string(hint).key("notes").begin_array();
  for (const std::string& note : notes) out.string(note);
  out.end_array().end_object();
  std::printf("%s\n", out.text().c_str());
  std::fflush(stdout);
}

void Report::skip(std::string_view step, std::string_view why) {
  if (form_ == Form::json) {
    JsonOut out;
    out.begin_object().key("step").string(step).key("ok").null().key("detail").string(why).end_object();
    std::printf("%s\n", out.text().c_str());
    return;
  }
  std::printf("- %-*s %8s     %.*s\n", kStepWidth, std::string(step).c_str(), "", static_cast<int>(why.size()),
              why.data());
}

bool Report::finish() {
  if (form_ == Form::json) {
    JsonOut out;
    out.begin_object().key("step").string("all").key("ok").boolean(!failed_).key("passed").number(passed_);
    out.key("ms").raw(milliseconds_text(total_)).end_object();
    std::printf("%s\n", out.text().c_str());
  } else if (failed_) {
    std::printf("%u step%s passed, then `%s` failed\n", passed_, plural(passed_), failed_step_.c_str());
  } else {
    std::printf("all %u steps passed in %s ms\n", passed_, milliseconds_text(total_).c_str());
  }
  std::fflush(stdout);
  return !failed_;
}

}  // namespace axonpush::tool
