#include "secrets/audit_line.hpp"

#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <functional>

namespace behalf {
namespace {

constexpr std::size_t hex_size = 64;
constexpr std::string_view hash_key = R"(,"hash":")";
constexpr std::string_view line_end = R"("})";
constexpr std::size_t tail_size = hash_key.size() + hex_size + line_end.size();

void add(json::object& o, std::string_view key, std::string_view value) {
  if (!value.empty())
    o[key] = value;
}

bool plain(char c) {
  return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x80;
}

// What a node made up: bounded, printable ASCII.
std::string clean(std::string_view text, std::size_t limit = 2048) {
  std::string out{text.substr(0, limit)};
  std::replace_if(out.begin(), out.end(), std::not_fn(plain), '?');
  return out;
}

// Names of users may be in any script, but bytes that are not UTF-8 would make the line something
// no JSON reader takes.
std::string name(const std::string& text) {
  if (std::all_of(text.begin(), text.end(), plain) || is_utf8(text))
    return text;
  return clean(text);
}

json::object to_json(int64_t seq, time_point at, const audit_record& r, json::storage_ptr memory) {
  json::object o{24, std::move(memory)};
  o["seq"] = seq;
  o["time"] = iso8601(at);
  o["tenant"] = name(r.who.tenant);
  o["issuer"] = name(r.who.issuer);
  o["subject"] = name(r.who.subject);
  add(o, "run_id", r.run_id);
  add(o, "thread_id", r.thread_id);
  add(o, "service", name(r.service));
  add(o, "method", clean(r.method));
  add(o, "host", clean(r.host));
  add(o, "path", clean(std::string_view{r.path}.substr(0, r.path.find_first_of("?#"))));
  add(o, "action", r.action);
  add(o, "outcome", clean(r.outcome));
  add(o, "cred_fp", r.cred_fp);
  if (r.receipt != 0)
    o["receipt"] = r.receipt;
  return o;
}

} // namespace

std::string to_hex(const audit_hash& hash) {
  return to_hex(std::string_view{reinterpret_cast<const char*>(hash.data()), hash.size()});
}

std::string write_audit_line(int64_t seq, time_point at, const audit_record& what,
                             const audit_hash& prev, audit_hash& hash) {
  unsigned char room[4096];
  json::monotonic_resource memory{room, sizeof room};
  auto o = to_json(seq, at, what, &memory);
  o["prev"] = to_hex(prev);
  auto line = dump(o);
  line.pop_back(); // the closing brace: the hash comes before it
  hash = sha256(line);
  line.append(hash_key).append(to_hex(hash)).append(line_end).push_back('\n');
  return line;
}

result<audit_line> read_audit_line(std::string_view line) {
  auto wrong = [](const char* why) { return fail(errc::invalid_argument, why); };
  if (line.size() <= tail_size || !line.ends_with(line_end)
      || line.substr(line.size() - tail_size, hash_key.size()) != hash_key)
    return wrong("is not a line of this log");
  auto body = line.substr(0, line.size() - tail_size);
  auto hash = line.substr(line.size() - line_end.size() - hex_size, hex_size);
  if (sha256_hex(body) != hash)
    return wrong("does not match its hash");
  auto v = parse_json(line);
  if (!v || !v->is_object())
    return wrong("is not JSON");
  const auto& o = v->get_object();
  audit_line read{int_or(o, "seq"), std::string(string_or(o, "time")),
                  std::string(string_or(o, "prev")), std::string(hash)};
  if (read.seq <= 0 || read.prev.size() != hex_size)
    return wrong("has no number or no link to the line before");
  return read;
}

} // namespace behalf
