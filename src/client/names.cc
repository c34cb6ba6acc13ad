// The names of what can be observed, by table.
#include <axonpush/options.h>
#include <axonpush/refresh.h>
#include <axonpush/trace.h>

namespace axonpush::inline v0 {

namespace {

constexpr std::string_view kStates[] = {"idle",    "connecting",   "live",     "refreshing",
                                        "waiting", "reconnecting", "draining", "closed"};
constexpr std::string_view kTraceKinds[] = {"fetch_started",  "fetch_done", "fetch_failed", "dial_started",
                                            "transport_open", "upgraded",   "packet_in",    "packet_out",
                                            "state",          "input",      "swap_step",    "active",
                                            "retired",        "lost",       "closed",       "error"};
constexpr std::string_view kPhases[] = {"idle",      "first_fetch",  "first_dial", "live",    "live_fetch",
                                        "live_dial", "live_restore", "overlap",    "drain",   "reconnect_wait",
                                        "fetch",     "dial",         "restore",    "closing", "closed"};
static_assert(sizeof kPhases / sizeof kPhases[0] == refresh::kPhaseCount);
constexpr std::string_view kInputs[] = {
    "connect",        "refresh",        "fetched",      "fetch_failed",   "dialed",  "dial_failed", "restored",
    "restore_failed", "candidate_lost", "serving_lost", "retiring_ended", "drained", "disconnect",  "tick"};
static_assert(sizeof kInputs / sizeof kInputs[0] == refresh::kInputKindCount);

}  // namespace

std::string_view name_of(ConnectionState state) noexcept { return kStates[static_cast<std::size_t>(state)]; }
std::string_view name_of(TraceKind kind) noexcept { return kTraceKinds[static_cast<std::size_t>(kind)]; }

namespace refresh {
std::string_view name_of(Phase phase) noexcept { return kPhases[static_cast<std::size_t>(phase)]; }
std::string_view name_of(InputKind kind) noexcept { return kInputs[static_cast<std::size_t>(kind)]; }
}  // namespace refresh

}  // namespace axonpush::inline v0
