// What is sealed on disk, what opens it, and what does not.
#include "runtime/storage/open_storage.hpp"
#include "runtime/storage/sealing.hpp"
#include "runtime/storage/sqlite_connection.hpp"
#include "runtime/storage/sqlite_schema.hpp"
#include "runtime/storage/vector_rows.hpp"
#include "tests/runtime/storage/fixture.hpp"

#include <fstream>
#include <iterator>
#include <map>

using namespace behalf;

namespace {

using access = sqlite_connection::access;

secret_ptr new_master() {
  return std::make_shared<const secret>(make_key());
}

struct sealed_storage : storage_fixture<sealed_factory> {
  std::string file() const { return factory.folder.file(); }

  /// Behind the storage's back.
  void change(const std::string& sql) {
    auto other = sqlite_connection::open(file(), access::read_write);
    REQUIRE(other);
    auto done = (*other)->execute(sql);
    if (!done)
      FAIL(done.error().message);
  }
  int64_t number(const std::string& sql) {
    auto other = sqlite_connection::open(file(), access::read_only);
    REQUIRE(other);
    return (*other)->number(sql).value();
  }
  int64_t sealed_in(const std::string& table) {
    return number("SELECT count(*) FROM " + table + " WHERE typeof(doc)='blob'");
  }

  void close() { db.reset(); }
  result<std::unique_ptr<storage_engine>> open_with(storage_encryption encryption) {
    close();
    auto options = factory.options();
    options.encryption = std::move(encryption);
    return open_sqlite(options);
  }
  void reopen(storage_encryption encryption) {
    auto opened = open_with(std::move(encryption));
    if (!opened)
      FAIL(opened.error().message);
    db = std::move(*opened);
  }
  storage_resealing reseal(storage_encryption encryption,
                           data_key_choice keys = data_key_choice::keep) {
    close();
    auto done = reseal_sqlite(file(), encryption, keys);
    if (!done)
      FAIL(done.error().message);
    return *done;
  }
};

const std::vector<float> vector_of_item{0.6F, 0.8F};

// One record of every kind, and what hangs on them, each with a text of its own in it.
std::map<std::string, std::string> canaries() {
  std::map<std::string, std::string> all;
  for (auto name : {"assistant", "version", "thread", "run", "checkpoint", "task", "item", "cron",
                    "webhook", "aside", "metadata"})
    all[name] = "canary-of-" + std::string(name);
  all["vector"] = std::string(reinterpret_cast<const char*>(vector_of_item.data()), 8);
  return all;
}

template <class Fixture>
void fill(Fixture& f) {
  auto said = canaries();
  auto with = [&](record r, const char* name) {
    r.doc = {{"said", said.at(name)}};
    return write_batch::put{std::move(r)};
  };
  auto checkpoint = make_checkpoint("t1", "c1");
  checkpoint.metadata = {{"said", said.at("metadata")}};
  record call;
  call.type = kind::webhook_call;
  call.tenant = "acme", call.id = "r1";
  REQUIRE(
    f.write({.puts = {with(make_assistant("a1", "A", "g"), "assistant"),
                      with(make_version("a1", "1"), "version"),
                      with(make_thread("t1", 1, {{"owner", "alice"}}), "thread"),
                      with(make_thread("t2", 2, {{"owner", "alice"}}), "aside"),
                      with(make_run("t1", "r1"), "run"), with(std::move(checkpoint), "checkpoint"),
                      with(make_item({"n"}, "k"), "item"), with(make_cron("cr"), "cron"),
                      with(std::move(call), "webhook")},
             .task_ends = {
               {{kind::checkpoint, "acme", "c1", "t1"}, "task", R"({"said":"canary-of-task"})"}}}));
  REQUIRE(f.write({.vectors = {{make_item({"n"}, "k").key(), 1, {vector_of_item}}}}));
}

std::string all_bytes(const std::string& file) {
  std::string all;
  for (auto suffix : {"", "-wal"}) {
    std::ifstream in{file + suffix, std::ios::binary};
    all.append(std::istreambuf_iterator<char>{in}, {});
  }
  return all;
}

std::vector<std::string> found_in(const std::string& file) {
  const auto bytes = all_bytes(file);
  std::vector<std::string> found;
  for (const auto& [name, text] : canaries())
    if (bytes.find(text) != bytes.npos)
      found.push_back(name);
  return found;
}

template <class Fixture>
void check_all_there(Fixture& f) {
  auto said = [&](const record_key& key) {
    auto r = f.get(key);
    return r ? std::string(string_or(r->doc, "said")) : "nothing";
  };
  CHECK(said({kind::assistant, "acme", "a1"}) == "canary-of-assistant");
  CHECK(said({kind::assistant_version, "acme", "1", "a1"}) == "canary-of-version");
  CHECK(said(thread_key("t1")) == "canary-of-thread");
  CHECK(said({kind::run, "acme", "r1"}) == "canary-of-run");
  CHECK(said({kind::cron, "acme", "cr"}) == "canary-of-cron");
  CHECK(said({kind::webhook_call, "acme", "r1"}) == "canary-of-webhook");
  CHECK(said(make_item({"n"}, "k").key()) == "canary-of-item");
  auto checkpoint = f.get({kind::checkpoint, "acme", "c1", "t1"});
  REQUIRE(checkpoint);
  CHECK(string_or(checkpoint->doc, "said") == "canary-of-checkpoint");
  CHECK(string_or(checkpoint->metadata, "said") == "canary-of-metadata");
  REQUIRE(checkpoint->task_ends.size() == 1);
  CHECK(checkpoint->task_ends[0] == json::value{{"said", "canary-of-task"}});
  auto vectors = f.db->vectors().of_tenant("acme", 0, 10);
  REQUIRE(vectors);
  REQUIRE(vectors->size() == 1);
  CHECK(vectors->front().of == vector_of_item);
}

} // namespace

TEST_CASE("nothing of a document is in the file when it is sealed", "[sealing]") {
  sealed_storage f;
  fill(f);
  CHECK(found_in(f.file()).empty()); // the log is there, too
  check_all_there(f);
  f.close();
  CHECK(found_in(f.file()).empty());
  CHECK(f.number("SELECT count(*) FROM data_key") == 1);
}

TEST_CASE("without sealing all of it is in the file", "[sealing]") {
  storage_fixture<sqlite_factory> f;
  fill(f);
  f.db.reset();
  CHECK(found_in(f.factory.folder.file()).size() == canaries().size());
}

TEST_CASE("another master key, or none, opens nothing and says so", "[sealing]") {
  sealed_storage f;
  fill(f);
  auto other = f.open_with({new_master(), true});
  REQUIRE_FALSE(other);
  CHECK(other.error().code == errc::denied);
  CHECK(other.error().message.find("is not the key its records were sealed with")
        != std::string::npos);
  auto none = f.open_with({});
  REQUIRE_FALSE(none);
  CHECK(none.error().message.find("encryption.master_key is not set") != std::string::npos);
  f.reopen({f.factory.master, true});
  check_all_there(f);
}

TEST_CASE("a sealed document opens in its own row alone", "[sealing]") {
  sealed_storage f;
  fill(f);
  auto foreign = make_thread("t1");
  foreign.tenant = "other";
  foreign.doc = {{"said", "of another tenant"}};
  REQUIRE(f.put(foreign));
  const auto move = GENERATE(
    // between threads of a tenant, between tenants, between kinds
    "UPDATE thread SET doc=(SELECT doc FROM thread WHERE id='t2') WHERE tenant='acme' AND id='t1'",
    "UPDATE thread SET doc=(SELECT doc FROM thread WHERE tenant='other') WHERE tenant='acme'",
    "UPDATE thread SET doc=(SELECT doc FROM run) WHERE tenant='acme' AND id='t1'",
    // cut, changed, of no known form or key
    "UPDATE thread SET doc=substr(doc, 1, length(doc)-1) WHERE tenant='acme' AND id='t1'",
    "UPDATE thread SET doc=CAST(substr(doc, 1, 60) || x'00' || substr(doc, 62) AS BLOB)"
    " WHERE tenant='acme' AND id='t1'",
    "UPDATE thread SET doc=x'02' WHERE tenant='acme' AND id='t1'",
    "UPDATE thread SET doc=CAST(x'010000000000000009' || substr(doc, 10) AS BLOB)"
    " WHERE tenant='acme' AND id='t1'");
  f.change(move);
  auto moved = f.db->get(thread_key("t1"));
  REQUIRE_FALSE(moved);
  CHECK(moved.error().kind == unreadable_record);
  CHECK(moved.error().message.find("the stored thread t1 is damaged: it does not open") == 0);
  // What looks for several passes over it, and others are as they were.
  auto runs = f.get({kind::run, "acme", "r1"});
  REQUIRE(runs);
  query with_values{.type = kind::thread, .tenant = "acme", .values = {{"x", 1}}};
  CHECK(f.ids(with_values).empty());
}

TEST_CASE("a thread whose document does not open can be written again", "[sealing]") {
  sealed_storage f;
  fill(f);
  f.change("UPDATE thread SET doc=x'01' WHERE id='t1'");
  REQUIRE(
    f.write({.thread_changes = {{.tenant = "acme", .id = "t1", .doc = {{"said", "\"anew\""}}}}}));
  CHECK(string_or(f.get(thread_key("t1"))->doc, "said") == "anew");
  CHECK(f.number("SELECT count(*) FROM set_aside WHERE doc=x'01'") == 1);
  CHECK(f.sealed_in("thread") == 2);
}

TEST_CASE("a key made in a group that was taken back seals nothing", "[sealing]") {
  sealed_storage f;
  auto bad = write_batch{.puts = {{make_thread("t1")}, {make_thread("t2"), 7}}};
  SECTION("one unit of it") {
    REQUIRE(f.db->begin());
    CHECK_FALSE(f.db->apply(bad));
    REQUIRE(f.db->apply({.puts = {{make_thread("t3")}}}));
    REQUIRE(f.db->flush());
  }
  SECTION("the only unit of a group") {
    CHECK_FALSE(f.write(bad));
    REQUIRE(f.put(make_thread("t3")));
  }
  f.reopen({f.factory.master, true});
  CHECK(f.get(thread_key("t3")));
  CHECK(f.number("SELECT count(*) FROM data_key") == 1);
}

TEST_CASE("a key made in a group that fails after a part of it seals nothing", "[sealing]") {
  sealed_storage f;
  f.close();
  auto db = sqlite_connection::open(f.file(), access::read_write);
  REQUIRE(db);
  auto keys = [&] { return open_data_keys(**db, {f.factory.master, true}).value(); };
  sealing seals{**db, keys()};
  const sealed_place place{"thread", "acme", "", "t1"};
  REQUIRE((*db)->run("BEGIN IMMEDIATE"));
  REQUIRE(seals.seal(place, "{}"));
  seals.was_taken_back(); // another part
  REQUIRE(seals.seal(place, "{}"));
  REQUIRE((*db)->run("ROLLBACK"));
  seals.was_taken_back();
  seals.group_is_over();
  auto stored = seals.seal(place, "{}");
  REQUIRE(stored);
  CHECK(sealing(**db, keys()).open(place, stored->bytes).value() == "{}");
}

TEST_CASE("sealing is turned on, made whole, and turned off", "[sealing]") {
  sealed_storage f;
  const auto master = f.factory.master;
  f.close();
  std::filesystem::remove(f.file());
  f.reopen({});
  fill(f);
  f.reopen({master, true});
  check_all_there(f);
  REQUIRE(f.put(make_thread("t3")));
  CHECK(f.sealed_in("thread") == 1);
  CHECK(f.sealed_in("run") == 0);

  auto sealed = f.reseal({master, true});
  CHECK(sealed.faults.empty());
  CHECK(sealed.sealed == 12); // ten of `fill`, a vector, a checkpoint's metadata
  CHECK(sealed.records == 13);
  CHECK(found_in(f.file()).empty());
  CHECK(f.reseal({master, true}).sealed == 0);
  f.reopen({master, true});
  check_all_there(f);

  f.reopen({master, false});
  check_all_there(f);
  REQUIRE(f.put(make_thread("t4")));
  CHECK(f.sealed_in("thread") == 3);
  CHECK(f.open_with({}).error().code == errc::denied);
  CHECK(f.reseal({master, false}).opened == 13);
  f.reopen({});
  check_all_there(f);
  CHECK(f.number("SELECT count(*) FROM data_key") == 0);
}

TEST_CASE("data keys are exchanged", "[sealing]") {
  sealed_storage f;
  fill(f);
  auto done = f.reseal({f.factory.master, true}, data_key_choice::make_new);
  CHECK(done.made == 1);
  CHECK(done.sealed == 12);
  CHECK(done.dropped == 1);
  CHECK(f.number("SELECT min(id) FROM data_key") == 2);
  f.reopen({f.factory.master, true});
  check_all_there(f);
}

TEST_CASE("the key of what does not open is kept", "[sealing]") {
  sealed_storage f;
  fill(f);
  f.change("UPDATE thread SET doc=(SELECT doc FROM thread WHERE id='t2') WHERE id='t1'");
  auto done = f.reseal({f.factory.master, true}, data_key_choice::make_new);
  REQUIRE(done.faults.size() == 1);
  CHECK(done.faults.front().find("the stored thread t1 is damaged") == 0);
  CHECK(done.faults.front().find("canary") == std::string::npos);
  CHECK(f.number("SELECT count(*) FROM data_key") == 2);
}

TEST_CASE("after a rotation only the new master key opens the storage", "[sealing]") {
  sealed_storage f;
  fill(f);
  const auto fresh = new_master();
  CHECK_FALSE(rotate_sqlite_key(f.file(), f.factory.master, fresh)); // it is in use
  f.close();
  CHECK(rotate_sqlite_key(f.file(), fresh, fresh).error().code == errc::denied);
  REQUIRE(rotate_sqlite_key(f.file(), f.factory.master, fresh));
  CHECK(f.open_with({f.factory.master, true}).error().code == errc::denied);
  f.reopen({fresh, true});
  check_all_there(f);
}

TEST_CASE("nothing sealed has no key to exchange", "[sealing]") {
  storage_fixture<sqlite_factory> f;
  f.db.reset();
  const auto file = f.factory.folder.file();
  auto done = rotate_sqlite_key(file, new_master(), new_master());
  REQUIRE_FALSE(done);
  CHECK(done.error().message.find("nothing is sealed") != std::string::npos);
  CHECK(open_sqlite(f.factory.options())); // and none is wanted afterwards
}

TEST_CASE("a data key that does not open damages its tenant's records alone", "[sealing]") {
  sealed_storage f;
  auto foreign = make_run("t1", "r9");
  auto thread = make_thread("t1");
  thread.tenant = foreign.tenant = "other";
  REQUIRE(f.put(thread));
  REQUIRE(f.put(foreign));
  fill(f);
  f.close();
  f.change("UPDATE data_key SET tag=x'00' WHERE tenant='other'");
  auto found = check_sqlite(f.file(), damaged_records::report, f.factory.master);
  REQUIRE(found);
  REQUIRE(found->faults.size() == 3);
  CHECK(found->faults.front() == "data key 1 does not open (tenant other)");
  f.reopen({f.factory.master, true});
  check_all_there(f);
  CHECK(f.db->get(thread.key()).error().kind == unreadable_record);
  auto unfinished = f.db->unfinished_runs(nullptr, 10); // what a start reads
  REQUIRE(unfinished);
  CHECK(unfinished->size() == 2);
  thread.id = "t2";
  CHECK_FALSE(f.db->apply({.puts = {{thread}}}));
  f.close();

  const auto fresh = new_master();
  auto rotated = rotate_sqlite_key(f.file(), f.factory.master, fresh);
  REQUIRE(rotated);
  CHECK(*rotated == std::vector<std::string>{"data key 1 does not open (tenant other)"});
  CHECK(f.reseal({fresh, true}, data_key_choice::make_new).faults.size() == 2);
  f.reopen({fresh, true});
  check_all_there(f);
  CHECK(f.put(thread));
}

TEST_CASE("the master key is known by what it wraps, too", "[sealing]") {
  sealed_storage f;
  fill(f);
  f.close();
  f.change(GENERATE("DELETE FROM master_check", "UPDATE master_check SET tag=x'00'"));
  for (auto bad : {"x", "y"}) // one that opens is enough
    f.change("INSERT INTO data_key (tenant, created_at, nonce, ciphertext, tag) SELECT '"
             + std::string(bad) + "', created_at, nonce, ciphertext, tag FROM data_key LIMIT 1");
  CHECK(f.open_with({new_master(), true}).error().code == errc::denied);
  CHECK(f.open_with({}).error().code == errc::denied);
  f.reopen({f.factory.master, true});
  check_all_there(f);
  f.close();
  f.change("DELETE FROM data_key");
  f.reopen({f.factory.master, true}); // by its row, which was made again
}

TEST_CASE("resealing does not say done while old pages are read", "[sealing]") {
  storage_fixture<sqlite_factory> f;
  fill(f);
  f.db.reset();
  const auto file = f.factory.folder.file();
  const auto master = new_master();
  auto reader = sqlite_connection::open(file, access::read_only);
  REQUIRE(reader);
  REQUIRE((*reader)->execute("BEGIN"));
  REQUIRE((*reader)->number("SELECT count(*) FROM thread").value() == 2);
  auto done = reseal_sqlite(file, {master, true}, data_key_choice::keep);
  REQUIRE_FALSE(done);
  CHECK(done.error().message.find("something reads it") != std::string::npos);
  auto rotated = rotate_sqlite_key(file, master, master);
  REQUIRE(rotated);
  REQUIRE(rotated->size() == 1);
  CHECK(rotated->front().find("something reads it") != std::string::npos);
  reader->reset();
  REQUIRE(reseal_sqlite(file, {master, true}, data_key_choice::keep));
  CHECK(found_in(file).empty());
}

TEST_CASE("damaged vectors are found, and made anew", "[sealing]") {
  sealed_storage f;
  fill(f);
  f.close();
  f.change("UPDATE item_vector SET vector=zeroblob(60)");
  auto found = check_sqlite(f.file(), damaged_records::set_aside, f.factory.master);
  REQUIRE(found);
  REQUIRE(found->faults.size() == 1);
  CHECK(found->faults.front().find("the stored item_vector k is damaged") == 0);
  CHECK(f.number("SELECT count(*) FROM item_vector") == 0);
  CHECK(f.number("SELECT count(*) FROM item_to_embed") == 1);
}

TEST_CASE("of a sealed run for later its principal alone is read at the start", "[sealing]") {
  sealed_storage f;
  REQUIRE(f.put(make_thread("t1")));
  auto run = make_run("t1", "r1", 5);
  run.updated_at = from_micros(1);
  run.doc = {{"principal", {{"identity", "alice"}}}, {"kwargs", {{"input", "long"}}}};
  REQUIRE(f.put(run));
  auto rows = f.db->unfinished_runs(nullptr, 10);
  REQUIRE(rows);
  REQUIRE(rows->size() == 1);
  CHECK(rows->front().doc == json::object{{"principal", {{"identity", "alice"}}}});
  f.change("UPDATE run SET doc=x'01ff'");
  rows = f.db->unfinished_runs(nullptr, 10);
  REQUIRE(rows);
  CHECK(rows->front().doc.empty());
  CHECK(rows->front().doc_text == "{}\nAf8="); // base64: bytes are no text
}

TEST_CASE("a check looks into what is sealed when it has the key", "[sealing]") {
  sealed_storage f;
  fill(f);
  auto without = check_sqlite(f.file(), damaged_records::report);
  REQUIRE(without);
  CHECK(without->faults.empty());
  CHECK(without->sealed == 9);
  f.change("UPDATE item SET doc=x'0102'");
  auto with = check_sqlite(f.file(), damaged_records::report, f.factory.master);
  REQUIRE(with);
  REQUIRE(with->faults.size() == 1);
  CHECK(with->faults.front().find("the stored item k is damaged") == 0);
  CHECK(with->sealed == 0);
  CHECK(check_sqlite(f.file(), damaged_records::report, new_master()).error().code == errc::denied);
}

TEST_CASE("what is saved of a damaged file opens with its key", "[sealing]") {
  sealed_storage f;
  fill(f);
  f.close();
  const auto saved = f.factory.folder.file("saved.db");
  SECTION("whole") {}
  for (auto name : {"data_key", "data_key_by_tenant", "master_check"})
    SECTION(std::string("without the page of ") + name) {
      const auto page =
        f.number("SELECT rootpage FROM sqlite_schema WHERE name='" + std::string(name) + "'");
      std::fstream out{f.file(), std::ios::in | std::ios::out | std::ios::binary};
      out.seekp((page - 1) * 4096);
      out << std::string(4096, '\x55');
    }
  REQUIRE(recover_sqlite(f.file(), saved));
  std::filesystem::rename(saved, f.file());
  f.reopen({f.factory.master, true});
  CHECK(string_or(f.get(thread_key("t1"))->doc, "said") == "canary-of-thread");
  CHECK(f.get({kind::checkpoint, "acme", "c1", "t1"})->task_ends.size() == 1);
}

TEST_CASE("a file of an earlier format takes sealed records", "[sealing]") {
  sealed_factory factory;
  {
    auto old = sqlite_connection::open(factory.folder.file(), access::read_write_create);
    REQUIRE(old);
    REQUIRE(migrate(**old, sqlite_migrations().first(5)));
    REQUIRE(
      (*old)->execute("INSERT INTO thread (tenant, id, status, revision, created_at,"
                      " updated_at, state_updated_at, ttl_ms, keep_latest, metadata, doc)"
                      " VALUES ('acme', 'old', 'idle', 1, 1, 1, 1, 0, 0, '{}', '{\"a\":1}')"));
  }
  auto db = factory.open();
  REQUIRE(db->begin());
  REQUIRE(db->apply({.puts = {{make_thread("new")}}}));
  REQUIRE(db->flush());
  CHECK(db->get(thread_key("old")).value()->doc == json::object{{"a", 1}});
  CHECK(db->get(thread_key("new")).value());
  db.reset();
  auto now = sqlite_connection::open(factory.folder.file(), access::read_only);
  CHECK((*now)->number("SELECT count(*) FROM thread WHERE typeof(doc)='blob'").value() == 1);
  auto check = check_sqlite(factory.folder.file(), damaged_records::report, factory.master);
  REQUIRE(check);
  CHECK(check->faults.empty());
}
