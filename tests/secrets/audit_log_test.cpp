#include "runtime/base/json.hpp"
#include "runtime/storage/records.hpp"
#include "secrets/audit_line.hpp"
#include "secrets/audit_log.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/small_disk.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace behalf;

namespace {

const auto t0 = from_micros(1'700'000'000'000'000);

audit_record call(int n) {
  audit_record r;
  r.who = {"acme", "https://id.example.com", "alice"};
  r.run_id = "run-" + std::to_string(n);
  r.thread_id = "thread-1";
  r.service = "mail";
  r.method = "GET";
  r.host = "https://mail.example.com:443";
  r.path = "/messages?access_token=never-me#nor-me";
  r.action = "call";
  r.outcome = "sent";
  r.cred_fp = "0011223344556677";
  return r;
}

struct log_fixture {
  scratch_folder folder;
  std::string path = folder / "audit.log";

  void write(int lines) {
    auto log = audit_log::open(path).value();
    for (int i = 0; i < lines; ++i)
      log.append(call(i), t0);
    REQUIRE(log.flush());
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    std::istringstream in{read_file(path)};
    for (std::string line; std::getline(in, line);)
      all.push_back(line);
    return all;
  }
  void put(const std::vector<std::string>& all) const {
    std::string text;
    for (const auto& line : all)
      text += line + "\n";
    write_file(path, text);
  }
  std::string verdict() const {
    auto v = verify_audit_log(path);
    return v ? "ok" : v.error().message;
  }
};

} // namespace

TEST_CASE_METHOD(log_fixture, "a line says who called what, and nothing secret",
                 "[secrets][audit]") {
  write(1);
  auto o = parse_json(lines().at(0)).value().as_object();
  CHECK(string_or(o, "subject") == "alice");
  CHECK(string_or(o, "tenant") == "acme");
  CHECK(string_or(o, "issuer") == "https://id.example.com");
  CHECK(string_or(o, "run_id") == "run-0");
  CHECK(string_or(o, "service") == "mail");
  CHECK(string_or(o, "host") == "https://mail.example.com:443");
  CHECK(string_or(o, "path") == "/messages");
  CHECK(string_or(o, "cred_fp") == "0011223344556677");
  CHECK(int_or(o, "seq") == 1);
  CHECK(read_file(path).find("never-me") == std::string::npos);
  struct stat about {};
  REQUIRE(stat(path.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
}

TEST_CASE_METHOD(log_fixture, "nothing is on disk before the flush, everything after",
                 "[secrets][audit]") {
  auto log = audit_log::open(path).value();
  CHECK(log.append(call(1), t0) == 1);
  CHECK(log.append(call(2), t0) == 2);
  CHECK(log.pending());
  CHECK(log.durable_seq() == 0);
  CHECK(read_file(path).empty());
  REQUIRE(log.flush());
  CHECK(log.durable_seq() == 2);
  CHECK_FALSE(log.pending());
  CHECK(lines().size() == 2);
  CHECK(log.flush());
  CHECK(verify_audit_log(path).value().lines == 2);
}

TEST_CASE_METHOD(log_fixture, "a log goes on where it ended", "[secrets][audit]") {
  write(3);
  write(2);
  auto v = verify_audit_log(path).value();
  CHECK(v.lines == 5);
  CHECK(v.last.seq == 5);
  CHECK(v.last.hash.size() == 64);
  CHECK(v.first_time == iso8601(t0));
}

TEST_CASE_METHOD(log_fixture, "an empty log is whole, a missing one is not found",
                 "[secrets][audit]") {
  CHECK(verify_audit_log(path).error().code == errc::not_found);
  write(0);
  CHECK(verify_audit_log(path).value().lines == 0);
}

TEST_CASE_METHOD(log_fixture, "a changed byte is found, wherever it is", "[secrets][audit]") {
  write(3);
  auto good = read_file(path);
  REQUIRE(verdict() == "ok");
  auto first = good.find('\n') + 1;
  auto second = good.find('\n', first) + 1;
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (char flip : {1, 0x20}) {
      auto bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      write_file(path, bad);
      auto number = i < first ? "1" : i < second ? "2" : "3";
      auto said = verdict();
      if (!said.starts_with(std::string("line ") + number + ":"))
        FAIL("byte " << i << " of line " << number << ": " << said);
    }
  }
  write_file(path, good);
  CHECK(verdict() == "ok");
}

TEST_CASE_METHOD(log_fixture, "lines removed, moved, repeated or added are found",
                 "[secrets][audit]") {
  write(5);
  auto good = lines();
  auto app = [&](auto change, const std::string& expected) {
    auto bad = good;
    change(bad);
    put(bad);
    CHECK(verdict().starts_with(expected));
  };
  app([](auto& l) { l.erase(l.begin()); }, "line 1:");
  app([](auto& l) { l.erase(l.begin() + 2); }, "line 3:");
  app([](auto& l) { std::swap(l[1], l[2]); }, "line 2:");
  app([](auto& l) { l.insert(l.begin() + 3, l[2]); }, "line 4:");
  app([](auto& l) { l.insert(l.begin() + 1, "{}"); }, "line 2:");
  app([](auto& l) { l.insert(l.begin() + 1, ""); }, "line 2:");
  app([](auto& l) { l.push_back(l.back()); }, "line 6:");
  // A line with a right hash and number of its own, that does not continue the one before.
  app(
    [](auto& l) {
      audit_hash hash{};
      l[2] = write_audit_line(3, t0, call(99), audit_hash{}, hash);
      l[2].pop_back();
    },
    "line 3:");
  put(good);
  CHECK(verdict() == "ok");
}

TEST_CASE_METHOD(log_fixture, "a noted line makes a shortened or rewritten log detectable",
                 "[secrets][audit]") {
  write(5);
  auto noted = verify_audit_log(path).value().last;
  CHECK(verify_audit_log(path, noted));
  write(2);
  CHECK(verify_audit_log(path, noted));
  auto all = lines();
  all.resize(4);
  put(all);
  CHECK(verdict() == "ok"); // the chain alone cannot tell
  CHECK_FALSE(verify_audit_log(path, noted));
  std::filesystem::remove(path);
  write(9);
  CHECK(verify_audit_log(path, noted)); // the same records at the same times
  std::filesystem::remove(path);
  auto log = audit_log::open(path).value();
  for (int i = 0; i < 9; ++i)
    log.append(call(i + 1), t0);
  REQUIRE(log.flush());
  CHECK(verify_audit_log(path, noted).error().message.starts_with("line 5:"));
}

TEST_CASE_METHOD(log_fixture, "an unfinished last line is removed at the start, nothing else",
                 "[secrets][audit]") {
  write(3);
  auto good = read_file(path);
  auto last = good.rfind('\n', good.size() - 2) + 1;
  for (auto cut = last + 1; cut < good.size(); cut += 13) {
    write_file(path, good.substr(0, cut));
    CHECK(verdict().starts_with("line 3:"));
    auto log = audit_log::open(path).value();
    CHECK(log.recovered_bytes() == cut - last);
    CHECK(log.last_seq() == 2);
    CHECK(log.append(call(2), t0) == 3);
    REQUIRE(log.flush());
    CHECK(read_file(path) == good);
  }
  // The very first line.
  write_file(path, good.substr(0, 10));
  CHECK(audit_log::open(path).value().recovered_bytes() == 10);
  CHECK(read_file(path).empty());
}

TEST_CASE_METHOD(log_fixture, "a log whose last line is wrong is not continued",
                 "[secrets][audit]") {
  write(2);
  auto bad = read_file(path);
  bad[bad.size() - 100] ^= 1;
  write_file(path, bad);
  auto log = audit_log::open(path);
  REQUIRE_FALSE(log);
  CHECK(log.error().code == errc::internal);
  CHECK(log.error().message.find("behalf audit repair " + path) != std::string::npos);
  CHECK(read_file(path) == bad);
}

TEST_CASE_METHOD(log_fixture, "one process at a time writes a log", "[secrets][audit]") {
  auto log = audit_log::open(path).value();
  auto second = audit_log::open(path);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == errc::conflict);
  CHECK(second.error().message.find("stop it first") != std::string::npos);
  auto moved = std::move(log);
  CHECK_FALSE(audit_log::open(path));
  moved.append(call(1), t0);
  REQUIRE(moved.flush());
  CHECK(verify_audit_log(path).value().lines == 1);
}

TEST_CASE_METHOD(log_fixture, "a flush that fails leaves no line and no number used",
                 "[secrets][audit]") {
  auto log = audit_log::open(path).value();
  log.append(call(1), t0);
  REQUIRE(log.flush());
  auto before = read_file(path);
  auto flushed = [&] {
    testing::small_disk tight{before.size() + 100}; // room for a part of a line
    log.append(call(2), t0);
    return log.flush();
  }();
  REQUIRE_FALSE(flushed);
  CHECK(flushed.error().kind == storage_full);
  CHECK(flushed.error().message.find(path) == std::string::npos); // graphs are told too
  CHECK(read_file(path) == before);
  CHECK(log.last_seq() == 1);
  CHECK(log.append(call(3), t0) == 2);
  REQUIRE(log.flush());
  CHECK(verify_audit_log(path).value().lines == 2);
}

TEST_CASE_METHOD(log_fixture, "killed at any moment, no acknowledged line is lost",
                 "[secrets][audit]") {
  int64_t acknowledged = 0;
  for (int round = 0; round < 20; ++round) {
    int pipe_ends[2];
    REQUIRE(pipe(pipe_ends) == 0);
    auto child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      auto log = audit_log::open(path);
      if (!log)
        _exit(2);
      for (int i = 0;; ++i) {
        for (int n = 0; n <= i % 5; ++n)
          log->append(call(i), t0);
        if (!log->flush())
          _exit(3);
        auto seq = log->durable_seq();
        if (::write(pipe_ends[1], &seq, sizeof seq) != sizeof seq)
          _exit(4);
      }
    }
    close(pipe_ends[1]);
    int64_t seq = 0;
    for (int n = 0; n < 3 + round * 2; ++n) {
      REQUIRE(read(pipe_ends[0], &seq, sizeof seq) == sizeof seq);
      acknowledged = seq;
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    while (read(pipe_ends[0], &seq, sizeof seq) == sizeof seq)
      acknowledged = seq;
    close(pipe_ends[0]);
    CHECK(audit_log::open(path).value().last_seq() >= acknowledged);
    auto v = verify_audit_log(path);
    INFO(verdict());
    REQUIRE(v);
    CHECK(v->lines >= acknowledged);
  }
  CHECK(acknowledged > 20);
}

TEST_CASE_METHOD(log_fixture, "hostile names cannot break a line or add one", "[secrets][audit]") {
  auto log = audit_log::open(path).value();
  auto r = call(1);
  r.who.subject = "eve\"}\n{\"seq\":99";
  r.method = "GET\r\nX";
  r.path = std::string("/\xff\xfe\x00/", 5) + std::string(100'000, 'p');
  r.outcome = "\",\"hash\":\"";
  log.append(r, t0);
  r.who.subject = "\xff\xff";
  log.append(r, t0);
  r.who.subject = "al\xc3\xaf";
  log.append(r, t0);
  REQUIRE(log.flush());
  CHECK(verify_audit_log(path).value().lines == 3);
  auto all = lines();
  CHECK(parse_json(all[0]).value().at("subject").as_string() == "eve\"}\n{\"seq\":99");
  CHECK(parse_json(all[1]).value().at("subject").as_string() == "??");
  CHECK(parse_json(all[2]).value().at("subject").as_string() == "al\xc3\xaf");
  CHECK(all[0].size() < 5'000);
}

TEST_CASE("a fingerprint depends on the key and the credential only", "[secrets][audit]") {
  secret key{std::string(32, 'k')}, other{std::string(32, 'o')}, a{"token-a"}, b{"token-b"};
  CHECK(credential_fingerprint(key, a).size() == 16);
  CHECK(credential_fingerprint(key, a) == credential_fingerprint(key, secret{"token-a"}));
  CHECK(credential_fingerprint(key, a) != credential_fingerprint(key, b));
  CHECK(credential_fingerprint(key, a) != credential_fingerprint(other, a));
  // RFC 4231, test case 2
  CHECK(credential_fingerprint(secret{"Jefe"}, secret{"what do ya want for nothing?"})
        == "5bdcc146bf60754e");
}

TEST_CASE_METHOD(log_fixture, "a broken end is cut off, kept, and noted in the log",
                 "[secrets][audit]") {
  for (std::string damage : {std::string(300, '\0'), std::string("half a li"),
                             std::string("{\"seq\":4}\n"), std::string("x\ny\nz")}) {
    std::filesystem::remove(path);
    write(3);
    write_file(path, read_file(path) + damage);
    CHECK(verdict().starts_with("line 4:"));
    CHECK(verify_audit_log(path).error().kind == broken_audit_end);
    auto done = repair_audit_log(path).value();
    CHECK(done.kept_lines == 3);
    CHECK(read_file(done.cut_file) == damage);
    CHECK(verdict() == "ok");
    auto note = parse_json(lines().back()).value().as_object();
    CHECK(string_or(note, "action") == "repair");
    CHECK(string_or(note, "outcome").starts_with("cut " + std::to_string(damage.size())));
    write(1);
    CHECK(verify_audit_log(path).value().lines == 5);
    std::filesystem::remove(done.cut_file);
  }
}

TEST_CASE_METHOD(log_fixture, "what is no audit log is not made one", "[secrets][audit]") {
  write_file(path, "to do:\n- buy milk\n");
  CHECK(repair_audit_log(path).error().code == errc::denied);
  CHECK(read_file(path) == "to do:\n- buy milk\n");
}

TEST_CASE_METHOD(log_fixture, "a whole log is left alone, and so is one changed in the middle",
                 "[secrets][audit]") {
  write(5);
  auto good = read_file(path);
  CHECK(repair_audit_log(path).value().cut_bytes == 0);
  CHECK(read_file(path) == good);
  auto bad = good;
  bad[bad.find("alice")] = 'A';
  write_file(path, bad);
  auto refused = repair_audit_log(path);
  CHECK(refused.error().code == errc::denied);
  CHECK(refused.error().message.find("4 intact lines follow") != std::string::npos);
  CHECK(verdict().find("4 intact lines follow, so this is no broken end") != std::string::npos);
  CHECK(verify_audit_log(path).error().kind != broken_audit_end);
  CHECK(read_file(path) == bad);

  write_file(path, good);
  auto server = audit_log::open(path).value();
  CHECK(repair_audit_log(path).error().code == errc::conflict);
}
