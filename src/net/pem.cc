#include "net/pem.h"

#include <axonpush/base/secret.h>
#include <dirent.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/alloc.h"
#include "net/descriptor.h"
#include "net/system_error.h"
#include "net/tls_error.h"

namespace axonpush::inline v0::net {

namespace {

constexpr std::size_t kFileBytes = 16 * 1024 * 1024;
constexpr unsigned kDirectoryFiles = 4096;

// A whole file in memory, wiped when it goes: it may be a key.
class FileText {
 public:
  FileText() noexcept = default;
  FileText(const FileText&) = delete;
  FileText& operator=(const FileText&) = delete;
  ~FileText() {
    if (data_ == nullptr) return;
    wipe({data_, capacity_});
    deallocate(data_, capacity_);
  }
  [[nodiscard]] Status read(const char* path) noexcept;
  [[nodiscard]] std::string_view text() const noexcept { return text_of({data_, size_}); }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
};

Error file_error(int number, const char* what) noexcept {
  const Error system = system_error(number, what);
  if (system.culprit() == Culprit::limit) return system;
  return Error(Errc::invalid_argument, what).with_number(static_cast<std::uint32_t>(number));
}

Status FileText::read(const char* path) noexcept {
  Descriptor file;
  do {
    file = Descriptor(::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
  } while (!file && errno == EINTR);
  if (!file) return file_error(errno, "a certificate or key file cannot be opened");
  struct stat about = {};
  if (::fstat(file.get(), &about) != 0) return file_error(errno, "a certificate or key file cannot be read");
  if (!S_ISREG(about.st_mode)) return Error(Errc::invalid_argument, "a certificate or key file is no regular file");
  if (about.st_size <= 0) return Error(Errc::invalid_argument, "a certificate or key file is empty");
  if (static_cast<std::size_t>(about.st_size) > kFileBytes) {
    return Error(Errc::invalid_argument, "a certificate or key file is larger than 16 MiB");
  }
  capacity_ = static_cast<std::size_t>(about.st_size);
  data_ = static_cast<std::uint8_t*>(allocate(capacity_));
  if (data_ == nullptr) return Error(Errc::no_memory, "no memory to read a certificate file");
  while (size_ < capacity_) {
    const ssize_t got = ::read(file.get(), data_ + size_, capacity_ - size_);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(errno, "a certificate or key file cannot be read");
    if (got == 0) break;
    size_ += static_cast<std::size_t>(got);
  }
  return {};
}

// A terminal must never be asked for a passphrase from inside a server.
int no_passphrase(char*, int, int, void*) noexcept { return -1; }

class MemoryBio {
 public:
  explicit MemoryBio(std::string_view text) noexcept
      : bio_(text.empty() ? nullptr : BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))) {}
  MemoryBio(const MemoryBio&) = delete;
  MemoryBio& operator=(const MemoryBio&) = delete;
  ~MemoryBio() { BIO_free(bio_); }
  [[nodiscard]] BIO* get() const noexcept { return bio_; }

 private:
  BIO* bio_;
};

bool at_the_end() noexcept {
  const unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

// The variables are OpenSSL's own, by which an administrator moves the system's store.
const char* environment_or(const char* variable, const char* otherwise) noexcept {
#if defined(__GLIBC__)
  const char* value = ::secure_getenv(variable);
#else
  const char* value = std::getenv(variable);
#endif
  return value != nullptr && *value != '\0' ? value : otherwise;
}

// "xxxxxxxx.N", as `openssl rehash` names the certificates of a directory.
bool is_hashed_name(std::string_view name) noexcept {
  if (name.size() < 10 || name[8] != '.') return false;
  for (std::size_t index = 0; index < name.size(); ++index) {
    const char letter = name[index];
    const bool digit = letter >= '0' && letter <= '9';
    if (index < 8 ? !digit && !(letter >= 'a' && letter <= 'f') : index > 8 && !digit) return false;
  }
  return true;
}

void add_directory(X509_STORE* store, const char* path) noexcept {
  DIR* directory = ::opendir(path);
  if (directory == nullptr) return;
  unsigned left = kDirectoryFiles;
  while (left != 0) {
    const dirent* entry = ::readdir(directory);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (!is_hashed_name(name)) continue;
    --left;
    char whole[4096];
    const std::size_t length = std::strlen(path);
    if (length + 1 + name.size() >= sizeof whole) continue;
    std::memcpy(whole, path, length);
    whole[length] = '/';
    std::memcpy(whole + length + 1, name.data(), name.size());
    whole[length + 1 + name.size()] = '\0';
    // One certificate that cannot be read is one authority less, no reason to trust nobody.
    static_cast<void>(add_trusted_file(store, whole));
  }
  ::closedir(directory);
}

}  // namespace

Status add_trusted_pem(X509_STORE* store, std::string_view pem) noexcept {
  const MemoryBio memory(pem);
  if (memory.get() == nullptr) return Error(Errc::invalid_argument, "the trusted certificates are empty");
  std::size_t count = 0;
  ERR_clear_error();
  while (X509* certificate = PEM_read_bio_X509_AUX(memory.get(), nullptr, no_passphrase, nullptr)) {
    const bool added = X509_STORE_add_cert(store, certificate) == 1;
    X509_free(certificate);
    if (!added) return take_setup_error("a trusted certificate could not be used");
    ++count;
  }
  if (!at_the_end()) return take_setup_error("a trusted certificate is damaged");
  ERR_clear_error();
  if (count == 0) return Error(Errc::invalid_argument, "there is no certificate among the trusted ones");
  return {};
}

Status add_trusted_file(X509_STORE* store, const char* path) noexcept {
  FileText file;
  Status read = file.read(path);
  return read.ok() ? add_trusted_pem(store, file.text()) : read;
}

Status add_trusted_system(X509_STORE* store) noexcept {
  static_cast<void>(
      add_trusted_file(store, environment_or(X509_get_default_cert_file_env(), X509_get_default_cert_file())));
  add_directory(store, environment_or(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()));
  const STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(store);
  if (objects == nullptr || sk_X509_OBJECT_num(objects) == 0) {
    return Error(Errc::invalid_argument,
                 "the system has no trusted certificates; install ca-certificates or give a ca_file");
  }
  return {};
}

Status use_client_certificate(SSL_CTX* context, const char* chain_path, const char* key_path) noexcept {
  FileText chain_file;
  FileText key_file;
  if (Status read = chain_file.read(chain_path); !read.ok()) return read;
  if (Status read = key_file.read(key_path); !read.ok()) return read;
  ERR_clear_error();
  const MemoryBio chain(chain_file.text());
  X509* leaf = PEM_read_bio_X509_AUX(chain.get(), nullptr, no_passphrase, nullptr);
  const bool leaf_used = leaf != nullptr && SSL_CTX_use_certificate(context, leaf) == 1;
  X509_free(leaf);
  if (!leaf_used) return take_setup_error("the client certificate cannot be used");
  while (X509* issuer = PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context, issuer) != 1) {
      X509_free(issuer);
      return take_setup_error("the client certificate's chain cannot be used");
    }
  }
  if (!at_the_end()) return take_setup_error("the client certificate's chain is damaged");
  ERR_clear_error();
  const MemoryBio key_text(key_file.text());
  EVP_PKEY* key = PEM_read_bio_PrivateKey(key_text.get(), nullptr, no_passphrase, nullptr);
  const bool key_used =
      key != nullptr && SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
  EVP_PKEY_free(key);
  if (!key_used) return take_setup_error("the client key cannot be read, or belongs to another certificate");
  return {};
}

}  // namespace axonpush::inline v0::net
