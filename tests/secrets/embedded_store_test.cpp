#include "runtime/base/envelope.hpp"
#include "runtime/base/id.hpp"
#include "runtime/net/codec.hpp"
#include "secrets/embedded_store.hpp"
#include "tests/secrets/people.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <sqlite3.h>

#include <functional>
#include <sys/stat.h>
#include <thread>

using namespace behalf;
using namespace behalf::testing;
using namespace std::chrono_literals;

namespace {

secret key_of(char c) {
  return secret{std::string(32, c)};
}

stored_credential token(std::string_view value) {
  stored_credential c;
  c.value = secret{value};
  return c;
}

struct store_fixture {
  scratch_folder folder;
  std::string path = folder / "secrets.db";
  std::unique_ptr<embedded_store> store = embedded_store::open(path, key_of('k')).value();

  void put(const credential_key& key, std::string_view value) {
    REQUIRE(store->put(key, token(value), std::nullopt, t0));
  }
  std::string value(const credential_key& key) {
    auto found = store->get(key);
    return found ? std::string(found->value.expose()) : "error: " + found.error().message;
  }
  // What an insider with the file can do.
  int tamper(const std::string& sql) {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
    sqlite3_busy_timeout(db, 5'000);
    char* why = nullptr;
    auto code = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &why);
    UNSCOPED_INFO((why ? why : ""));
    sqlite3_free(why);
    auto changed = sqlite3_changes(db);
    sqlite3_close(db);
    REQUIRE(code == SQLITE_OK);
    return changed;
  }
  std::string everything_on_disk() const {
    return read_file(path) + read_file(path + "-wal") + read_file(path + "-shm");
  }
};

result<secret_answer> run(std::unique_ptr<secret_operation> operation, time_point now = t0) {
  auto step = operation->start(now);
  return std::get<result<secret_answer>>(std::move(step));
}

} // namespace

TEST_CASE_METHOD(store_fixture, "what is stored comes back, with what belongs to it",
                 "[secrets][store]") {
  auto c = token("p4ssw0rd");
  c.username = "al";
  c.expires_at = t0 + 1h;
  c.scopes = {"mail.read", "mail.send"};
  CHECK(store->put({alice, "mail"}, c, 0, t0).value() == 1);
  auto back = store->get({alice, "mail"}).value();
  CHECK(back.value.expose() == "p4ssw0rd");
  CHECK(back.username == "al");
  CHECK(back.expires_at == t0 + 1h);
  CHECK(back.scopes == c.scopes);
  CHECK(back.generation == 1);

  auto list = store->summaries(alice).value();
  REQUIRE(list.size() == 1);
  CHECK(list[0].service == "mail");
  CHECK(list[0].username == "al");
  CHECK(list[0].scopes == c.scopes);
  CHECK(list[0].updated_at == t0);
  CHECK(store->owners().value() == std::vector{alice});
}

TEST_CASE_METHOD(store_fixture, "what is not stored is not found, for nobody else either",
                 "[secrets][store]") {
  put({alice, "github"}, "alices");
  CHECK(store->get({alice, "jira"}).error().message == "no jira token stored");
  const principal_key others[] = {bob,
                                  {"other", alice.issuer, alice.subject},
                                  {alice.tenant, "https://evil.example.com", alice.subject},
                                  {alice.tenant, alice.issuer, "ALICE"}};
  for (const auto& other : others) {
    CHECK(store->get({other, "github"}).error().code == errc::not_found);
    CHECK(store->summaries(other).value().empty());
    CHECK(store->remove({other, "github"}).error().code == errc::not_found);
  }
  CHECK(value({alice, "github"}) == "alices");
  CHECK(store->remove({alice, "github"}));
  CHECK(store->get({alice, "github"}).error().code == errc::not_found);
}

TEST_CASE_METHOD(store_fixture, "a write that expects another generation changes nothing",
                 "[secrets][store]") {
  credential_key key{alice, "github"};
  CHECK(store->put(key, token("one"), 1, t0).error().code == errc::conflict);
  CHECK(store->put(key, token("one"), 0, t0).value() == 1);
  CHECK(store->put(key, token("two"), 0, t0).error().code == errc::conflict);
  CHECK(value(key) == "one");
  CHECK(store->put(key, token("two"), 1, t0).value() == 2);
  CHECK(store->put(key, token("three"), std::nullopt, t0).value() == 3);
  CHECK(value(key) == "three");
}

TEST_CASE_METHOD(store_fixture, "nonsense is not stored", "[secrets][store]") {
  CHECK(store->put({alice, "github"}, token(""), {}, t0).error().code == errc::invalid_argument);
  CHECK(store->put({alice, ""}, token("x"), {}, t0).error().code == errc::invalid_argument);
  CHECK(store->put({{}, "github"}, token("x"), {}, t0).error().code == errc::invalid_argument);
  CHECK(store->owners().value().empty());
}

TEST_CASE_METHOD(store_fixture, "no file holds a credential or a key in any form",
                 "[secrets][store]") {
  const std::string value = "canary-0123456789-" + random_hex(16);
  put({alice, "github"}, value);
  put({alice, "github"}, value + "2");
  auto disk = everything_on_disk();
  CHECK(disk.find("github") != disk.npos); // the search does see the rows
  for (const auto& form : {value, base64(value).substr(0, 20), to_hex(value), std::string(32, 'k')})
    CHECK(disk.find(form) == disk.npos);
  struct stat about {};
  REQUIRE(stat(path.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
}

TEST_CASE_METHOD(store_fixture, "a row moved to another user, service or generation does not open",
                 "[secrets][store]") {
  put({alice, "github"}, "alices github token");
  put({alice, "jira"}, "alices jira token");
  put({bob, "github"}, "bobs github token");
  const std::string mail = "UPDATE secrets SET (nonce, ciphertext, tag) = "
                           "(SELECT nonce, ciphertext, tag FROM secrets WHERE ";
  const std::string attacks[] = {
    // T17: bob's row filled with alice's bytes; alice's with another service's of hers
    mail + "subject='alice' AND service='github') WHERE subject='bob'",
    mail + "subject='alice' AND service='jira') WHERE subject='alice' AND service='github'",
    // the row itself renamed
    "DELETE FROM secrets WHERE subject='bob'; "
    "UPDATE secrets SET subject='bob' WHERE subject='alice' AND service='github'",
    // what is in clear is bound as well
    "UPDATE secrets SET generation = generation + 1",
    "UPDATE secrets SET expires_at = 4000000000000000",
    "UPDATE secrets SET metadata = '{\"username\":\"mallory\"}'",
    "UPDATE secrets SET tenant = 'other'; UPDATE data_keys SET tenant = 'other'",
    "UPDATE secrets SET issuer = 'x'; UPDATE data_keys SET issuer = 'x'",
    // keys exchanged
    "UPDATE data_keys SET subject = 'swap' WHERE subject = 'alice';"
    "UPDATE data_keys SET subject = 'alice' WHERE subject = 'bob';"
    "UPDATE data_keys SET subject = 'bob' WHERE subject = 'swap'",
    // a bit
    "UPDATE secrets SET ciphertext = zeroblob(length(ciphertext))",
    "UPDATE secrets SET tag = zeroblob(16)",
    "DELETE FROM data_keys",
  };
  auto pristine = folder / "pristine.db";
  tamper("VACUUM INTO '" + pristine + "'");
  const std::string real[] = {"alices github token", "alices jira token", "bobs github token"};
  for (const auto& attack : attacks) {
    INFO(attack);
    store.reset();
    for (auto suffix : {"", "-wal", "-shm"})
      std::filesystem::remove(path + suffix);
    std::filesystem::copy_file(pristine, path);
    REQUIRE(tamper(attack) > 0);
    store = embedded_store::open(path, key_of('k')).value();
    auto opened = 0;
    for (const auto& who : {alice, bob, principal_key{"other", alice.issuer, "alice"},
                            principal_key{"acme", "x", "alice"}}) {
      for (auto service : {"github", "jira"}) {
        auto got = store->get({who, service});
        if (!got) {
          CHECK((got.error().code == errc::internal || got.error().code == errc::not_found));
          continue;
        }
        ++opened;
        // Whatever still opens is its owner's own, untouched.
        auto own = who.subject == "bob"             ? real[2]
                   : service == std::string{"jira"} ? real[1]
                                                    : real[0];
        CHECK(got->value.expose() == own);
        CHECK(who.tenant == "acme");
        CHECK(got->username.empty());
        CHECK_FALSE(got->expires_at);
      }
    }
    CHECK(opened < 3);
  }
}

TEST_CASE_METHOD(store_fixture, "another master key is refused when the store opens",
                 "[secrets][store]") {
  put({alice, "github"}, "alices");
  auto other = embedded_store::open(path, key_of('x'));
  REQUIRE_FALSE(other);
  CHECK(other.error().code == errc::denied);
  CHECK(other.error().message.find("master key") != std::string::npos);
  CHECK(other.error().message.find(path) != std::string::npos);
  CHECK_FALSE(embedded_store::open(path, secret{"short"}));
  CHECK(embedded_store::open(path, key_of('k')));
}

TEST_CASE("a file that is no store is left alone", "[secrets][store]") {
  scratch_folder folder;
  write_file(folder / "x.db", std::string(8192, 'x'));
  auto opened = embedded_store::open(folder / "x.db", key_of('k'));
  REQUIRE_FALSE(opened);
  CHECK(opened.error().message.find("x.db") != std::string::npos);
  CHECK(read_file(folder / "x.db") == std::string(8192, 'x'));
  CHECK_FALSE(embedded_store::open(folder / "missing/x.db", key_of('k')));
}

TEST_CASE_METHOD(store_fixture, "after a rotation only the new master key opens the store",
                 "[secrets][store]") {
  for (int i = 0; i < 50; ++i)
    put({{"acme", "iss", "user" + std::to_string(i)}, "github"}, "token " + std::to_string(i));
  CHECK(store->rotate_master_key(key_of('x'), key_of('n')).error().code == errc::denied);
  CHECK_FALSE(store->rotate_master_key(key_of('k'), secret{"short"}));
  CHECK(value({{"acme", "iss", "user7"}, "github"}) == "token 7");

  REQUIRE(store->rotate_master_key(key_of('k'), key_of('n')));
  CHECK(value({{"acme", "iss", "user7"}, "github"}) == "token 7");
  store.reset();
  CHECK(embedded_store::open(path, key_of('k')).error().code == errc::denied);
  store = embedded_store::open(path, key_of('n')).value();
  for (int i = 0; i < 50; ++i)
    CHECK(value({{"acme", "iss", "user" + std::to_string(i)}, "github"})
          == "token " + std::to_string(i));
}

TEST_CASE_METHOD(store_fixture, "no master key is exchanged under who uses it",
                 "[secrets][store]") {
  put({alice, "github"}, "alices");
  {
    auto cli = embedded_store::open(path, key_of('k')).value();
    auto refused = cli->rotate_master_key(key_of('k'), key_of('n'));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::conflict);
    CHECK(refused.error().message.find(path + ": in use by ") == 0);
    CHECK(cli->get({alice, "github"}));
  }
  CHECK(value({alice, "github"}) == "alices");
  CHECK(store->rotate_master_key(key_of('k'), key_of('n')));
}

TEST_CASE_METHOD(store_fixture, "a rotation that meets a broken key changes nothing",
                 "[secrets][store]") {
  put({alice, "github"}, "alices");
  put({bob, "github"}, "bobs");
  tamper("UPDATE data_keys SET tag = zeroblob(16) WHERE subject = 'bob'");
  CHECK_FALSE(store->rotate_master_key(key_of('k'), key_of('n')));
  CHECK(value({alice, "github"}) == "alices");
  store.reset();
  CHECK_FALSE(embedded_store::open(path, key_of('n')));
  CHECK(embedded_store::open(path, key_of('k')));
}

TEST_CASE_METHOD(store_fixture, "a shredded user's rows never open again, not even restored ones",
                 "[secrets][store]") {
  put({alice, "github"}, "alices");
  put({alice, "jira"}, "alices too");
  put({bob, "github"}, "bobs");
  tamper("CREATE TABLE backup AS SELECT * FROM secrets");
  CHECK(store->shred(alice).value() == 2);
  CHECK(store->get({alice, "github"}).error().code == errc::not_found);
  CHECK(value({bob, "github"}) == "bobs");
  // An old copy of the rows is brought back: without the data key it is noise, also beside a new
  // one.
  tamper("INSERT INTO secrets SELECT * FROM backup WHERE subject = 'alice'");
  CHECK(store->get({alice, "github"}).error().code == errc::internal);
  put({alice, "mail"}, "new");
  CHECK(store->get({alice, "github"}).error().code == errc::internal);
  CHECK(value({alice, "mail"}) == "new");
  CHECK(store->shred({"acme", "iss", "nobody"}).value() == 0);
}

TEST_CASE_METHOD(store_fixture, "a shredded data key is in no file any more", "[secrets][store]") {
  put({alice, "github"}, "alices");
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  sqlite3_stmt* s = nullptr;
  REQUIRE(sqlite3_prepare_v2(db, "SELECT ciphertext FROM data_keys", -1, &s, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_step(s) == SQLITE_ROW);
  std::string wrapped{static_cast<const char*>(sqlite3_column_blob(s, 0)), 32};
  sqlite3_finalize(s);
  sqlite3_close(db);
  CHECK(everything_on_disk().find(wrapped) != std::string::npos);
  REQUIRE(store->shred(alice));
  CHECK(everything_on_disk().find(wrapped) == std::string::npos);
}

TEST_CASE_METHOD(store_fixture, "a change by another process is noticed, one's own is not",
                 "[secrets][store]") {
  CHECK_FALSE(store->changed_elsewhere());
  put({alice, "github"}, "one");
  CHECK_FALSE(store->changed_elsewhere());
  {
    auto cli = embedded_store::open(path, key_of('k')).value();
    REQUIRE(cli->put({alice, "github"}, token("two"), std::nullopt, t0));
  }
  CHECK(store->changed_elsewhere());
  CHECK_FALSE(store->changed_elsewhere());
  CHECK(value({alice, "github"}) == "two");
}

TEST_CASE_METHOD(store_fixture, "operations answer at once, as the interface says",
                 "[secrets][store]") {
  secret_source& source = *store;
  credential_key key{alice, "github"};
  CHECK(run(source.read(key, nullptr)).error().code == errc::not_found);
  auto c = token("value");
  c.expires_at = t0 + 10s;
  CHECK(run(source.write(key, std::move(c), 0, nullptr)).value().generation == 1);
  CHECK(run(source.write(key, token("x"), 0, nullptr)).error().code == errc::conflict);
  CHECK(run(source.read(key, nullptr)).value().found->value.expose() == "value");
  CHECK(run(source.list(alice, nullptr)).value().list.size() == 1);
  auto expired = run(source.read(key, nullptr), t0 + 10s);
  REQUIRE_FALSE(expired);
  CHECK(expired.error().code == errc::denied);
  CHECK(expired.error().kind == "expired");
  CHECK(run(source.erase(key, nullptr)));
  CHECK(run(source.erase(key, nullptr)).error().code == errc::not_found);
  CHECK(source.policy().allowed.empty());
}

TEST_CASE_METHOD(store_fixture, "two processes that write at once lose nothing",
                 "[secrets][store]") {
  auto writer = [this](const std::string& who) {
    auto mine = embedded_store::open(path, key_of('k')).value();
    int failed = 0;
    for (int i = 0; i < 25; ++i)
      failed += mine->put({{"t", "i", who}, "s" + std::to_string(i)}, token("v"), 0, t0) ? 0 : 1;
    return failed;
  };
  int failed_a = -1, failed_b = -1;
  std::thread a{[&] { failed_a = writer("a"); }}, b{[&] { failed_b = writer("b"); }};
  a.join();
  b.join();
  CHECK(failed_a == 0);
  CHECK(failed_b == 0);
  CHECK(store->summaries({"t", "i", "a"}).value().size() == 25);
  CHECK(store->summaries({"t", "i", "b"}).value().size() == 25);
}

TEST_CASE_METHOD(store_fixture, "a file whose format was tampered with is not opened",
                 "[secrets][store]") {
  store.reset();
  const auto* format = GENERATE("-1", "0");
  tamper(std::string("PRAGMA user_version = ") + format);
  auto refused = embedded_store::open(path, key_of('k'));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message
        == path + ": damaged: its format is " + format + "; restore a backup");
}
