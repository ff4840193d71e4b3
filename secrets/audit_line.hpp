// One line of the audit log: how it is written, and how its hash is found.
#pragma once

#include "secrets/audit_log.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace behalf {

std::string to_hex(const audit_hash& hash);

/// The line with its newline; `hash` becomes its own.
std::string write_audit_line(int64_t seq, time_point at, const audit_record& what,
                             const audit_hash& prev, audit_hash& hash);

struct audit_line {
  int64_t seq;
  std::string time;
  std::string prev, hash; // hexadecimal
};

/// Reads a line (without its newline) whose own hash is right. The error's message says what is
/// wrong with it. Only the exact form write_audit_line gives is accepted.
result<audit_line> read_audit_line(std::string_view line);

} // namespace behalf
