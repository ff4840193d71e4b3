// Documents that are compressed: what reads back, and what damaged bytes come to.
#include "runtime/storage/compression.hpp"
#include "runtime/storage/open_storage.hpp"
#include "runtime/storage/sqlite_connection.hpp"
#include "runtime/storage/thread_sizes.hpp"
#include "tests/runtime/storage/fixture.hpp"

#include <random>

using namespace behalf;

namespace {

const std::string message =
  R"({"values":{"messages":[{"content":"What is the weather in Berlin?","additional_kwargs":{},)"
  R"("response_metadata":{},"type":"human","name":null,"id":"8e17222c-67eb-4d03-b130-069c0428540c"}]}})";

std::string compressed(const std::string& text) {
  return compression{}.compress(text);
}

std::optional<std::string> expanded(std::string_view frame) {
  return compression{}.expand(frame);
}

template <class Fixture>
void change(Fixture& f, const std::string& sql) {
  auto other =
    sqlite_connection::open(f.factory.folder.file(), sqlite_connection::access::read_write);
  REQUIRE(other);
  auto done = (*other)->execute(sql);
  if (!done)
    FAIL(done.error().message);
}

template <class Fixture>
int64_t number(Fixture& f, const std::string& sql) {
  auto other =
    sqlite_connection::open(f.factory.folder.file(), sqlite_connection::access::read_only);
  REQUIRE(other);
  return (*other)->number(sql).value();
}

record thread_with_message() {
  auto thread = make_thread("t1");
  thread.doc = parse_json(message).value().get_object();
  return thread;
}

} // namespace

TEST_CASE("a usual document takes less than half, and reads back", "[compression]") {
  const auto frame = compressed(message);
  CHECK(frame.size() < message.size() / 2);
  CHECK(is_compressed(frame));
  CHECK(expanded(frame) == message);
}

TEST_CASE("documents of any length and content read back", "[compression]") {
  compression one; // its memory is used again
  std::mt19937 random{7};
  for (std::size_t size : {0, 1, 63, 64, 65, 1000, 70'000, 3'000'000}) {
    std::string random_bytes(size, ' ');
    for (auto& c : random_bytes)
      c = static_cast<char>(random());
    for (const auto& text : {std::string(size, 'x'), random_bytes}) {
      const auto written = one.compress(text);
      CHECK(written.size() <= text.size());
      if (is_compressed(written))
        CHECK((one.expand(written) == text));
      else
        CHECK((written == text));
    }
  }
}

TEST_CASE("what would not be shorter stays as it is", "[compression]") {
  CHECK(compressed(R"({"id":""})") == R"({"id":""})");
  const std::string dense = R"(qZ7x/P0dV+u3JmWb9RkLsT1yHnEgAoC5iX8fB2vNtQ4wKzY6rUjMhGpDcSeIaOlF)";
  CHECK(compressed(dense) == dense);
}

TEST_CASE("a frame that was cut expands to nothing", "[compression]") {
  const auto frame = compressed(message);
  for (std::size_t size = 0; size < frame.size(); ++size)
    CHECK_FALSE(expanded(std::string_view{frame}.substr(0, size)));
  CHECK_FALSE(expanded(frame + '\0'));
  CHECK_FALSE(expanded(frame + frame));
}

TEST_CASE("changed bytes of a frame yield another text of that length or nothing",
          "[compression]") {
  const auto frame = compressed(message);
  for (std::size_t at = 0; at < frame.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      auto changed = frame;
      changed[at] = static_cast<char>(changed[at] ^ 1 << bit);
      if (auto text = expanded(changed))
        CHECK(text->size() <= longest_compressed);
    }
}

TEST_CASE("a frame cannot say that it holds more than may be, or nothing of it", "[compression]") {
  // magic, descriptor (8 bytes of length, one segment), length, one last block: 1 byte repeated
  std::string frame{"\x28\xb5\x2f\xfd\xe0", 5};
  for (int shift = 0; shift < 64; shift += 8)
    frame.push_back(static_cast<char>((uint64_t{longest_compressed} + 1) >> shift));
  frame += std::string{"\x03\x00\x02x", 4};
  CHECK_FALSE(expanded(frame));
  // magic, descriptor without length, window, one last block of nothing
  CHECK_FALSE(expanded(std::string_view{"\x28\xb5\x2f\xfd\x00\x00\x01\x00\x00", 9}));
}

TEST_CASE("a frame of a dictionary that is not known expands to nothing", "[compression]") {
  auto frame = compressed(message);
  // behind magic and descriptor
  REQUIRE(frame[5] == 1);
  frame[5] = 2;
  CHECK_FALSE(expanded(frame));
}

TEMPLATE_LIST_TEST_CASE("documents are compressed in their rows", "[compression]", storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(thread_with_message()));
  CHECK(number(f, "SELECT length(doc) FROM thread")
        < static_cast<int64_t>(message.size() / 2 + 49));
  CHECK(dump(f.get(thread_key("t1"))->doc) == message);
}

TEST_CASE("a compressed document that was damaged is an unreadable record", "[compression]") {
  storage_fixture<sqlite_factory> f;
  REQUIRE(f.put(thread_with_message()));
  const auto damage = GENERATE("UPDATE thread SET doc=CAST(substr(doc, 1, length(doc)-1) AS BLOB)",
                               "UPDATE thread SET doc=CAST(substr(doc, 1, 4) AS BLOB)",
                               "UPDATE thread SET doc=CAST(doc || x'00' AS BLOB)",
                               "UPDATE thread SET doc=x'28b52ffde0ffffffffffffffff010000'");
  change(f, damage);
  auto found = f.db->get(thread_key("t1"));
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == unreadable_record);
  CHECK(found.error().message.find("the stored thread t1 is damaged") == 0);
  CHECK(f.ids({.type = kind::thread, .tenant = "acme", .values = {{"x", 1}}}).empty());
  auto check = check_sqlite(f.factory.folder.file(), damaged_records::report);
  REQUIRE(check);
  CHECK(check->faults.size() == 1);
  CHECK(check->sealed == 0);
  write_batch::thread_change later{"acme", "t1"};
  later.doc.emplace_back("values", "{}");
  REQUIRE(f.write({.thread_changes = {later}}));
  CHECK(f.get(thread_key("t1"))->doc.contains("values"));
  CHECK(number(f, "SELECT count(*) FROM set_aside") == 1);
}

TEST_CASE("a compressed metadata that was damaged is an unreadable record", "[compression]") {
  storage_fixture<sqlite_factory> f;
  REQUIRE(f.put(make_thread("t1")));
  REQUIRE(f.put(make_checkpoint("t1", "c1")));
  change(f, "UPDATE checkpoint SET metadata=x'28b52ffd'");
  auto found = f.db->get({kind::checkpoint, "acme", "c1", "t1"});
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == unreadable_record);
  auto check = check_sqlite(f.factory.folder.file(), damaged_records::set_aside);
  REQUIRE_FALSE(check); // it is in use
  f.db.reset();
  CHECK(check_sqlite(f.factory.folder.file(), damaged_records::set_aside)->set_aside == 1);
  CHECK(check_sqlite(f.factory.folder.file(), damaged_records::report)->faults.empty());
}

TEMPLATE_LIST_TEST_CASE("a checkpoint tells its thread and run as its columns do", "[compression]",
                        storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1")));
  auto checkpoint = make_checkpoint("t1", "c1", "", "r1");
  checkpoint.metadata = {{"run_id", "r1"}, {"thread_id", "t1"}, {"step", 1}};
  REQUIRE(f.put(checkpoint));
  auto by_hand = make_checkpoint("t1", "c2");
  by_hand.metadata = {{"run_id", "of a client"}};
  REQUIRE(f.put(by_hand));
  CHECK(f.get(checkpoint.key())->metadata == checkpoint.metadata);
  CHECK(f.get(by_hand.key())->metadata == by_hand.metadata);
  // As it was written before: it copies as well.
  change(f, R"(UPDATE checkpoint SET metadata='{"run_id":"r1","thread_id":"t1","step":1}'
               WHERE id='c1')");
  CHECK(f.get(checkpoint.key())->metadata == checkpoint.metadata);
  REQUIRE(f.put(make_thread("t2")));
  write_batch::checkpoint_copy copy{"acme", "t1", "t2", {}, "c9", "", "", "", "c9"};
  REQUIRE(f.write({.checkpoint_copies = {copy}}));
  auto copied = f.get({kind::checkpoint, "acme", "c1", "t2"});
  REQUIRE(copied);
  CHECK(copied->metadata == json::object{{"run_id", "r1"}, {"thread_id", "t2"}, {"step", 1}});
}

TEMPLATE_LIST_TEST_CASE("ends of tasks are compressed, and counted as they read", "[compression]",
                        storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1")));
  REQUIRE(f.put(make_checkpoint("t1", "c1")));
  const record_key key{kind::checkpoint, "acme", "c1", "t1"};
  REQUIRE(f.write({.task_ends = {{key, "one", message}, {key, "two", R"({"n":1})"}}}));
  auto read = f.get(key);
  REQUIRE(read);
  CHECK(read->task_ends.size() == 2);
  CHECK(dump(read->task_ends[0]) == message);
  thread_sizes sizes;
  REQUIRE(f.db->measure("acme", "t1", sizes, {}));
  CHECK(sizes.pending.count == 2);
  CHECK(sizes.pending.bytes == static_cast<int64_t>(message.size() + 7));
}

TEST_CASE("compressed documents are sealed and opened again", "[compression]") {
  storage_fixture<sqlite_factory> f;
  REQUIRE(f.put(thread_with_message()));
  f.db.reset();
  const auto file = f.factory.folder.file();
  const auto master = std::make_shared<const secret>(make_key());
  CHECK(reseal_sqlite(file, {master, true}, data_key_choice::keep)->sealed == 1);
  CHECK(number(f, "SELECT count(*) FROM thread WHERE substr(doc, 1, 1)=x'28'") == 0);
  CHECK(reseal_sqlite(file, {master, true}, data_key_choice::keep)->sealed == 0);
  CHECK(reseal_sqlite(file, {master, true}, data_key_choice::make_new)->sealed == 1);
  CHECK(reseal_sqlite(file, {master, false}, data_key_choice::keep)->opened == 1);
  CHECK(number(f, "SELECT count(*) FROM thread WHERE substr(doc, 1, 1)=x'28'") == 1);
  f.db = f.factory.open();
  CHECK(dump(f.get(thread_key("t1"))->doc) == message);
}
