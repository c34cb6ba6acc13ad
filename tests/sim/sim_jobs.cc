// One run uses one core. Many runs are shared out to processes: nothing of the simulation knows of it, and a worker
// that crashes takes nobody along.
#include <cstdio>
#include <cstring>
#include <type_traits>

#include <sys/wait.h>
#include <unistd.h>

#include "sim/sim_program.h"

namespace axonpush::sim {

namespace {

static_assert(std::is_trivially_copyable_v<Tally>, "a tally goes through a pipe as it is");

struct Worker {
  pid_t process = -1;
  int from = -1;  // its pipe
};

bool write_all(int to, const void* from, std::size_t size) {
  const char* at = static_cast<const char*>(from);
  while (size != 0) {
    const ssize_t written = write(to, at, size);
    if (written <= 0) return false;
    at += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool read_all(int from, void* into, std::size_t size) {
  char* at = static_cast<char*>(into);
  while (size != 0) {
    const ssize_t got = read(from, at, size);
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

Worker start(Share share, const std::function<void(Share, Tally&)>& work) {
  Worker made;
  int ends[2];
  if (pipe(ends) != 0) return made;
  made.process = fork();
  if (made.process == 0) {
    close(ends[0]);
    Tally tally;
    work(share, tally);
    std::fflush(stdout);
    _exit(write_all(ends[1], &tally, sizeof tally) ? 0 : 3);
  }
  close(ends[1]);
  made.from = ends[0];
  return made;
}

// Adds what the worker found; false, and words about it, when it did not come to its end.
bool finish(const Worker& worker, Share share, Tally& sum) {
  Tally tally;
  const bool whole = worker.process > 0 && read_all(worker.from, &tally, sizeof tally);
  if (worker.from >= 0) close(worker.from);
  int status = 0;
  const bool ended = worker.process > 0 && waitpid(worker.process, &status, 0) == worker.process && WIFEXITED(status) &&
                     WEXITSTATUS(status) == 0;
  if (!whole || !ended) {
    std::printf("worker %llu of %llu died: what it found is lost\n", static_cast<unsigned long long>(share.index + 1),
                static_cast<unsigned long long>(share.count));
    return false;
  }
  sum.totals.add(tally.totals);
  sum.hash += tally.hash;
  sum.good = sum.good && tally.good;
  return true;
}

}  // namespace

std::uint64_t processors() {
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? static_cast<std::uint64_t>(count) : 1;
}

Tally in_parallel(std::uint64_t jobs, const std::function<void(Share, Tally&)>& work) {
  Tally sum;
  if (jobs <= 1) {
    work({}, sum);
    return sum;
  }
  std::fflush(stdout);  // else each worker prints it once more
  std::vector<Worker> workers;
  for (std::uint64_t index = 0; index < jobs; ++index) workers.push_back(start({index, jobs}, work));
  for (std::uint64_t index = 0; index < jobs; ++index) {
    if (!finish(workers[index], {index, jobs}, sum)) sum.good = false;
  }
  std::fflush(stdout);
  return sum;
}

}  // namespace axonpush::sim
