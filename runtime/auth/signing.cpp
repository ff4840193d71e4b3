#include "runtime/auth/signing.hpp"

#include "runtime/auth/evp.hpp"
#include "runtime/base/id.hpp"
#include "runtime/net/codec.hpp"

#include <openssl/bio.h>
#include <openssl/pem.h>

#include <cerrno>
#include <fcntl.h>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

namespace behalf {
namespace {

using memory = std::unique_ptr<BIO, evp::free_with<BIO_free_all>>;

constexpr std::size_t width = 32; // of a P-256 coordinate

error broken(const std::filesystem::path& file, std::string_view why) {
  return fail(errc::internal, "signing key " + file.string() + ": " + std::string(why));
}

std::shared_ptr<EVP_PKEY> own(EVP_PKEY* key) {
  return {key, EVP_PKEY_free};
}

std::string coordinate(EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  EVP_PKEY_get_bn_param(key, name, &raw);
  evp::number n{raw};
  std::string bytes(width, '\0');
  if (!n || BN_bn2binpad(n.get(), reinterpret_cast<unsigned char*>(bytes.data()), width) < 0)
    return {};
  return base64url(bytes);
}

// DER as OpenSSL signs into R||S as a JWS wants it (RFC 7518 3.4).
std::string to_raw(std::string_view der) {
  const auto* at = evp::bytes(der);
  evp::ecdsa_signature sig{d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()))};
  std::string raw(2 * width, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig.get()), out, width) < 0
      || BN_bn2binpad(ECDSA_SIG_get0_s(sig.get()), out + width, width) < 0)
    throw std::runtime_error("a signature could not be encoded");
  return raw;
}

class descriptor {
public:
  explicit descriptor(int fd) : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const { return fd_; }

private:
  int fd_;
};

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::fsync(fd) == 0;
}

} // namespace

signing_key::signing_key(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {
  x_ = coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X);
  y_ = coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y);
  // RFC 7638: the required members in alphabetical order, without spaces.
  auto hash = sha256(R"({"crv":"P-256","kty":"EC","x":")" + x_ + R"(","y":")" + y_ + R"("})");
  id_ = base64url({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

result<signing_key> signing_key::generate() {
  auto* key = EVP_EC_gen("P-256");
  if (!key)
    return fail(errc::internal, "a signing key could not be generated");
  return signing_key{own(key)};
}

result<signing_key> signing_key::load(const std::filesystem::path& file) {
  evp::clean_errors clean;
  descriptor fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat about {};
  if (fd.get() < 0 || ::fstat(fd.get(), &about) != 0)
    return broken(file, "cannot be read");
  if ((about.st_mode & 077) != 0)
    return broken(file, "others can read it; chmod 600 it, or delete it to get a new one");
  memory bio{BIO_new_fd(fd.get(), BIO_NOCLOSE)};
  auto* raw = bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr) : nullptr;
  if (!raw)
    return broken(file, "is no private key in PEM form");
  auto key = own(raw);
  char group[32] = {};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key.get(), group, sizeof group, &size) != 1
      || std::string_view{group, size} != "prime256v1")
    return broken(file, "is not an EC key on P-256");
  return signing_key{std::move(key)};
}

result<void> signing_key::save(const std::filesystem::path& file) const {
  memory bio{BIO_new(BIO_s_secmem())};
  char* pem = nullptr;
  if (!bio
      || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr)
           != 1)
    return broken(file, "cannot be encoded");
  auto size = BIO_get_mem_data(bio.get(), &pem);
  descriptor fd{::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (fd.get() < 0)
    return broken(file, errno == EEXIST ? "exists already" : "cannot be created");
  if (!write_all(fd.get(), {pem, static_cast<std::size_t>(size)}))
    return broken(file, "cannot be written");
  return {};
}

result<signing_key> signing_key::load_or_create(const std::filesystem::path& file) {
  std::error_code ec;
  if (std::filesystem::exists(file, ec))
    return load(file);
  auto key = generate();
  if (key)
    if (auto ok = key->save(file); !ok)
      return ok.error();
  return key;
}

json::object signing_key::public_jwk() const {
  return {{"kty", "EC"},  {"crv", "P-256"}, {"x", x_},   {"y", y_},
          {"use", "sig"}, {"alg", "ES256"}, {"kid", id_}};
}

json::object signing_key::jwks() const {
  json::array keys;
  keys.push_back(public_jwk());
  return {{"keys", std::move(keys)}};
}

std::string signing_key::sign(json::object header, const json::object& payload) const {
  header["alg"] = "ES256";
  header["kid"] = id_;
  auto input = base64url(dump(header)) + '.' + base64url(dump(payload));
  evp::md_context ctx{EVP_MD_CTX_new()};
  std::string der(80, '\0');
  auto size = der.size();
  if (!ctx || EVP_DigestSignInit(ctx.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1
      || EVP_DigestSign(ctx.get(), reinterpret_cast<unsigned char*>(der.data()), &size,
                        evp::bytes(input), input.size())
           != 1)
    throw std::runtime_error("a token could not be signed");
  der.resize(size);
  return input + '.' + base64url(to_raw(der));
}

} // namespace behalf
