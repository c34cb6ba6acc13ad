// A scenario whose program is written in coroutines.
#pragma once

#include <axonpush/co_stream.h>

#include <string>
#include <vector>

#include "client/scenario.h"

namespace axonpush::test {

using co::Task;

// Counts frames: one in each coroutine of the tests.
struct Alive {
  explicit Alive(int& count) : count_(count) { ++count_; }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
  ~Alive() { --count_; }
  int& count_;
};

struct CoScenario : Scenario {
  int alive = 0;
  std::vector<std::string> log;
  bool ended = false;
  Status outcome;

  // The end of the client resumes what still waits, and that writes into the members above.
  ~CoScenario() { client.reset(); }
  void run(Task<Status> task) {
    co::start(std::move(task), [this](const Status& status) {
      ended = true;
      outcome = status;
    });
  }
  bool run_to_end(Task<Status> task) {
    ended = false;
    run(std::move(task));
    return run_until([this] { return ended; });
  }
  void event(const std::string& body, const std::string& channel = "a") { broker.publish(topic(channel), body); }
  [[nodiscard]] bool sleeping() {
    world.run_for(seconds(2));
    return !ended;
  }
};

}  // namespace axonpush::test
