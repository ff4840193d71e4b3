// Checks an audit log line by line.
#include "runtime/base/id.hpp"
#include "secrets/audit_line.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <fstream>

namespace behalf {
namespace {

error wrong(int64_t number, std::string_view why) {
  return fail(errc::invalid_argument, "line " + std::to_string(number) + ": " + std::string(why));
}

// What the next line must continue, and what has been seen.
class chain {
public:
  explicit chain(const std::optional<audit_anchor>& anchor)
    : anchor_(anchor), prev_(to_hex(audit_hash{})) {}

  result<void> add(std::string_view text) {
    auto number = seen_.lines + 1;
    auto line = read_audit_line(text);
    if (!line)
      return wrong(number, line.error().message);
    if (line->seq != number)
      return wrong(number, "has the number " + std::to_string(line->seq)
                             + ": lines before it were removed, added or moved");
    if (line->prev != prev_)
      return wrong(number, "does not continue the line before it");
    if (anchor_ && anchor_->seq == number && anchor_->hash != line->hash)
      return wrong(number, "is not the line that was noted: the log was rewritten");
    if (number == 1)
      seen_.first_time = line->time;
    seen_.lines = number;
    seen_.last = {line->seq, line->hash};
    seen_.last_time = line->time;
    prev_ = line->hash;
    return {};
  }

  result<audit_summary> end() const {
    if (anchor_ && anchor_->seq > seen_.lines)
      return wrong(seen_.lines + 1, "is missing: the log was shortened");
    return seen_;
  }

  int64_t lines() const { return seen_.lines; }

private:
  std::optional<audit_anchor> anchor_;
  std::string prev_;
  audit_summary seen_;
};

} // namespace

result<audit_summary> verify_audit_log(const std::string& path,
                                       const std::optional<audit_anchor>& anchor) {
  std::ifstream file{path, std::ios::binary};
  if (!file)
    return fail(errc::not_found, path + ": cannot be read");
  chain links{anchor};
  std::string line;
  while (std::getline(file, line)) {
    if (file.eof())
      return wrong(links.lines() + 1,
                   "is cut short (a crash leaves such an end; the server removes "
                   "it when it starts)");
    if (auto ok = links.add(line); !ok)
      return ok.error();
  }
  if (file.bad())
    return fail(errc::internal, path + ": cannot be read");
  return links.end();
}

std::string credential_fingerprint(const secret& key, const secret& credential) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  auto text = credential.expose();
  HMAC(EVP_sha256(), key.expose().data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  return to_hex(std::string_view{reinterpret_cast<const char*>(digest), 8});
}

} // namespace behalf
