// SSLKEYLOGFILE, for looking into test traffic with Wireshark. The library knows nothing of it: only programs of the
// tests call this.
#pragma once

#include <openssl/ssl.h>

#include <cstdio>
#include <cstdlib>

namespace axonpush::test {

// True when the variable names a file; the secrets of every connection of this context are then appended to it.
inline bool log_keys(SSL_CTX* context) {
  const char* path = std::getenv("SSLKEYLOGFILE");
  if (path == nullptr || *path == '\0') return false;
  SSL_CTX_set_keylog_callback(context, [](const SSL*, const char* line) {
    std::FILE* file = std::fopen(std::getenv("SSLKEYLOGFILE"), "ae");
    if (file == nullptr) return;
    std::fprintf(file, "%s\n", line);
    std::fclose(file);
  });
  return true;
}

}  // namespace axonpush::test
