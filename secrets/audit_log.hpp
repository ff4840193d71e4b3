// The audit log: one JSON line per credentialed call, each bound to the one before by its hash. A
// credential leaves only after its line is on disk; `verify` finds the first line anyone changed.
#pragma once

#include "behalf/error.hpp"
#include "behalf/principal.hpp"
#include "behalf/time.hpp"
#include "secrets/secret.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace behalf {

/// What is recorded. Never a credential, a query or a body.
struct audit_record {
  principal_key who;
  std::string run_id, thread_id;
  std::string service;
  std::string method, host, path; // `host`: an origin; what follows '?' in a path is cut off
  std::string action;             // "call", "answer", "refuse", "secret.put", …
  std::string outcome;            // "sent", "200", "host_denied", …
  std::string cred_fp = {};       // credential_fingerprint; empty: none
  int64_t receipt = 0;            // an answer's: the number of the line of its call
};

using audit_hash = std::array<unsigned char, 32>;

/// Appends lines
///   {"seq":1,"time":"…",…,"prev":"<64 hex>","hash":"<64 hex>"}
/// where hash = SHA-256 of the line before `,"hash"`, which holds the hash of the line before. The
/// first `prev` is zeros. Not thread-safe; one process at a time (the file is locked).
class audit_log {
public:
  /// Opens or creates the file (mode 0600). What a crash left after the last complete line was
  /// never acknowledged and is removed. Error: conflict when another process has it; internal when
  /// it cannot be written or its last line does not verify.
  static result<audit_log> open(const std::string& path);

  audit_log(audit_log&& other) noexcept;
  audit_log& operator=(audit_log&& other) noexcept;
  ~audit_log(); // without a flush

  /// Adds a line and returns its number. It is not on disk yet.
  int64_t append(const audit_record& what, time_point at);

  /// Puts every line added since the last flush on disk with one write and one fdatasync. On error
  /// (overloaded of the kind storage_full, or internal; says why) none of them is there, and their
  /// numbers will be used again: the calls that waited for them must not be made.
  result<void> flush();

  int64_t last_seq() const { return seq_; }
  int64_t durable_seq() const { return durable_seq_; }
  bool pending() const { return seq_ != durable_seq_; }
  /// How many bytes of an unfinished line were removed by `open`.
  std::size_t recovered_bytes() const { return recovered_; }

private:
  audit_log() = default;
  result<void> recover();
  result<void> cut_leftovers();

  std::string path_;
  int fd_ = -1;
  int64_t seq_ = 0, durable_seq_ = 0;
  audit_hash hash_{}, durable_hash_{};
  int64_t size_ = 0; // of what is durable
  std::size_t recovered_ = 0;
  bool leftovers_ = false;
  std::string buffer_;
};

/// A place in the chain, noted outside the machine, makes a shortened log detectable.
struct audit_anchor {
  int64_t seq = 0;
  std::string hash; // hexadecimal
};

struct audit_summary {
  int64_t lines = 0;
  audit_anchor last; // seq 0 for an empty log
  std::string first_time, last_time;
};

/// The kind of an error of `verify_audit_log` behind which no whole line follows: what a crash
/// leaves, and `repair_audit_log` can cut off.
inline constexpr const char* broken_audit_end = "BrokenAuditEnd";

/// Checks a whole log. Error: invalid_argument `line 17: …` for the first line that was changed,
/// added, removed, moved or cut short; not_found when there is no file. `anchor`: the log must
/// still contain that line with that hash.
result<audit_summary> verify_audit_log(const std::string& path,
                                       const std::optional<audit_anchor>& anchor = std::nullopt);

struct audit_repair {
  int64_t kept_lines = 0;
  std::size_t cut_bytes = 0; // 0: nothing was wrong, nothing was done
  std::string cut_file;      // where they are kept
};

/// Cuts a damaged end off, keeps it beside the log as FILE.cut-SECONDS and notes that in a line of
/// its own, so that a server starts again. Errors: conflict while a server writes it; denied when
/// intact lines follow the damage: that is no broken end, and nothing is changed.
result<audit_repair> repair_audit_log(const std::string& path);

/// The first 8 bytes of HMAC-SHA-256(key, credential), hexadecimal: tells whether two lines used
/// the same credential, and nothing else to who has not the key.
std::string credential_fingerprint(const secret& key, const secret& credential);

} // namespace behalf
