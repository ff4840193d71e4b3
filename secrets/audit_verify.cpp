// Checks an audit log line by line, and cuts a damaged end off.
#include "runtime/base/id.hpp"
#include "secrets/audit_line.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/file.h>
#include <unistd.h>

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

// How far a log is in order, and what is wrong behind that.
struct reading {
  explicit reading(const std::optional<audit_anchor>& anchor) : links(anchor) {}
  chain links;
  std::size_t good_bytes = 0;
  std::optional<error> fault;
};

result<reading> read_log(const std::string& path, const std::optional<audit_anchor>& anchor) {
  std::ifstream file{path, std::ios::binary};
  if (!file)
    return fail(errc::not_found, path + ": cannot be read");
  reading all{anchor};
  std::string line;
  while (!all.fault && std::getline(file, line)) {
    if (file.eof())
      all.fault = wrong(all.links.lines() + 1,
                        "is cut short (a crash leaves such an end; the server removes it when it "
                        "starts)");
    else if (auto ok = all.links.add(line); !ok)
      all.fault = ok.error();
    else
      all.good_bytes += line.size() + 1;
  }
  if (file.bad())
    return fail(errc::internal, path + ": cannot be read");
  return all;
}

// A file of its own descriptor; closed with it.
class open_file {
public:
  open_file(const std::string& path, int flags)
    : fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)) {}
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  int get() const { return fd_; }

private:
  int fd_;
};

error no_repair(const std::string& path, const char* what) {
  return fail(errc::internal, path + ": " + what + ": " + std::strerror(errno));
}

result<std::string> read_from(const std::string& path, std::size_t offset) {
  std::ifstream file{path, std::ios::binary};
  file.seekg(static_cast<std::streamoff>(offset));
  std::string rest{std::istreambuf_iterator<char>{file}, {}};
  if (file.bad())
    return no_repair(path, "cannot be read");
  return rest;
}

// Whole lines that are right in themselves: such an end is not damaged, something before it is.
int64_t intact_lines(std::string_view text) {
  int64_t count = 0;
  for (auto end = text.find('\n'); end != text.npos; end = text.find('\n')) {
    count += read_audit_line(text.substr(0, end)).has_value();
    text.remove_prefix(end + 1);
  }
  return count;
}

// What is wrong, and whether that is an end that can be cut off: of the kind broken_audit_end.
error classify(error fault, std::string_view from_there) {
  auto intact = intact_lines(from_there);
  if (intact == 0)
    fault.kind = broken_audit_end;
  else
    fault.message += "; " + std::to_string(intact)
                     + " intact lines follow, so this is no broken end: keep the file as evidence "
                       "and begin a new one";
  return fault;
}

result<void> keep_as(const std::string& path, const std::string& bytes) {
  open_file file{path, O_WRONLY | O_CREAT | O_EXCL};
  if (file.get() < 0)
    return no_repair(path, "cannot be created");
  for (std::size_t done = 0; done < bytes.size();) {
    auto n = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno != EINTR)
      return no_repair(path, "cannot be written");
    done += n < 0 ? 0 : static_cast<std::size_t>(n);
  }
  return ::fsync(file.get()) == 0 ? result<void>{} : no_repair(path, "cannot be made durable");
}

// The chain itself says that there was more.
result<void> note_repair(const std::string& path, const std::string& cut) {
  auto log = audit_log::open(path);
  if (!log)
    return log.error();
  audit_record note;
  note.action = "repair";
  note.outcome = "cut " + std::to_string(cut.size()) + " bytes, sha256 " + sha256_hex(cut);
  log->append(note, now());
  return log->flush();
}

} // namespace

result<audit_summary> verify_audit_log(const std::string& path,
                                       const std::optional<audit_anchor>& anchor) {
  auto all = read_log(path, anchor);
  if (!all)
    return all.error();
  if (!all->fault)
    return all->links.end();
  auto rest = read_from(path, all->good_bytes);
  return rest ? classify(std::move(*all->fault), *rest) : rest.error();
}

result<audit_repair> repair_audit_log(const std::string& path) {
  open_file file{path, O_RDWR};
  if (file.get() < 0)
    return no_repair(path, "cannot be opened");
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(errc::conflict, path + ": a server writes this audit log; stop it first");
  auto all = read_log(path, std::nullopt);
  if (!all)
    return all.error();
  audit_repair done;
  done.kept_lines = all->links.lines();
  if (!all->fault)
    return done;
  auto cut = read_from(path, all->good_bytes);
  if (!cut)
    return cut.error();
  if (auto why = classify(*all->fault, *cut); why.kind != broken_audit_end)
    return fail(errc::denied, path + ": " + why.message);
  if (done.kept_lines == 0)
    return fail(errc::denied, path
                                + ": has no line of an audit log to go on from; it stays as it "
                                  "is. Should it be one, keep it and begin a new one");
  done.cut_bytes = cut->size();
  done.cut_file = path + ".cut-" + std::to_string(to_micros(now()) / 1'000'000);
  if (auto ok = keep_as(done.cut_file, *cut); !ok)
    return ok.error();
  if (::ftruncate(file.get(), static_cast<off_t>(all->good_bytes)) != 0 || ::fsync(file.get()) != 0)
    return no_repair(path, "cannot be shortened");
  ::flock(file.get(), LOCK_UN);
  if (auto ok = note_repair(path, *cut); !ok)
    return ok.error();
  return done;
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
