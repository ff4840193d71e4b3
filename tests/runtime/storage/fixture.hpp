// What every storage test starts from: an empty storage in its own folder, a clock that only the
// test moves, and short ways to make records.
#pragma once

#include "runtime/base/envelope.hpp"
#include "runtime/storage/record_scan.hpp"
#include "runtime/storage/sqlite.hpp"
#include "runtime/storage/write_batch.hpp"
#include "tests/support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <tuple>
#include <vector>

namespace behalf {

class temporary_folder {
public:
  temporary_folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "behalf-store-XXXXXX";
    if (::mkdtemp(pattern.data()))
      path_ = pattern;
  }
  temporary_folder(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const char* name = "test.db") const { return path_ / name; }

private:
  std::filesystem::path path_;
};

/// Makes the storage under test. Another storage passes the same tests by joining `storages`.
struct sqlite_factory {
  temporary_folder folder;
  time_point clock = from_micros(1'000'000);

  sqlite_options options() {
    return {.path = folder.file(), .clock = [this] { return clock; }};
  }
  std::unique_ptr<storage_engine> open() {
    auto opened = open_sqlite(options());
    REQUIRE(opened);
    return std::move(*opened);
  }
};

/// The same with every document sealed.
struct sealed_factory : sqlite_factory {
  secret_ptr master = std::make_shared<const secret>(make_key());

  sqlite_options options() {
    auto with = sqlite_factory::options();
    with.encryption = {master, true};
    return with;
  }
  std::unique_ptr<storage_engine> open() {
    auto opened = open_sqlite(options());
    REQUIRE(opened);
    return std::move(*opened);
  }
};
using storages = std::tuple<sqlite_factory, sealed_factory>;

template <class Factory>
struct storage_fixture {
  Factory factory;
  std::unique_ptr<storage_engine> db = factory.open();

  /// One commit in its own group.
  result<void> write(const write_batch& c) {
    REQUIRE(db->begin());
    auto done = db->apply(c);
    REQUIRE(db->flush());
    return done;
  }
  result<void> put(record r, std::optional<int64_t> expected = {}) {
    return write({.puts = {{std::move(r), expected}}});
  }
  std::optional<record> get(const record_key& key) {
    auto found = db->get(key);
    REQUIRE(found);
    return *found;
  }
  std::vector<std::string> ids(const query& q) { return ids_of(*db, q); }

  static std::vector<std::string> ids_of(storage_reader& from, const query& q) {
    auto found = from.search(q);
    if (!found)
      FAIL(found.error().message);
    std::vector<std::string> ids;
    for (const auto& r : found->rows)
      ids.push_back(r.id);
    return ids;
  }
};

/// A text that takes about so many bytes in a row, compressed as it is there.
inline std::string noise(std::size_t bytes) {
  std::string text(bytes * 10 / 7, ' ');
  std::mt19937 random{1};
  for (auto& c : text)
    c = static_cast<char>('#' + random() % 56);
  return text;
}

using names = std::vector<std::string>;

inline record make_thread(std::string id, int64_t updated = 0, json::object metadata = {}) {
  record r;
  r.type = kind::thread;
  r.tenant = "acme";
  r.id = std::move(id);
  r.status = "idle";
  r.metadata = std::move(metadata);
  r.created_at = r.updated_at = r.state_updated_at = from_micros(updated);
  return r;
}

inline record make_run(std::string thread, std::string id, int64_t created = 0,
                       std::string status = "pending") {
  record r;
  r.type = kind::run;
  r.tenant = "acme";
  r.parent = std::move(thread);
  r.id = std::move(id);
  r.status = std::move(status);
  r.created_at = r.updated_at = from_micros(created);
  return r;
}

/// Full when it follows no other.
inline record make_checkpoint(std::string thread, std::string id, std::string follows = {},
                              std::string run = {}) {
  record r;
  r.type = kind::checkpoint;
  r.tenant = "acme";
  r.parent = std::move(thread);
  r.id = std::move(id);
  r.full = follows.empty();
  r.parent_checkpoint = std::move(follows);
  r.run_id = std::move(run);
  return r;
}

inline record make_assistant(std::string id, std::string name, std::string graph,
                             int64_t created = 0) {
  record r;
  r.type = kind::assistant;
  r.tenant = "acme";
  r.id = std::move(id);
  r.name = std::move(name);
  r.graph_id = std::move(graph);
  r.created_at = r.updated_at = from_micros(created);
  return r;
}

inline record make_version(std::string assistant, std::string number, json::object metadata = {}) {
  record r;
  r.type = kind::assistant_version;
  r.tenant = "acme";
  r.parent = std::move(assistant);
  r.id = std::move(number);
  r.metadata = std::move(metadata);
  return r;
}

inline record make_cron(std::string id, std::optional<int64_t> next = {}, std::string thread = {},
                        json::object metadata = {}) {
  record r;
  r.type = kind::cron;
  r.tenant = "acme";
  r.id = std::move(id);
  r.parent = std::move(thread);
  r.assistant_id = "a1";
  r.owner = "alice";
  r.status = "enabled";
  r.metadata = std::move(metadata);
  if (next)
    r.next_at = from_micros(*next);
  return r;
}

inline record make_item(const std::vector<std::string>& labels, std::string key,
                        json::object value = {}, int64_t updated = 0) {
  record r;
  r.type = kind::item;
  r.tenant = "acme";
  r.parent = encode_namespace(labels).value();
  r.id = std::move(key);
  r.doc = std::move(value);
  r.created_at = r.updated_at = from_micros(updated);
  return r;
}

inline record_key thread_key(std::string id) {
  return {kind::thread, "acme", std::move(id)};
}

inline filter make_filter(json::object spec) {
  return filter::parse(json::value(std::move(spec))).value();
}

} // namespace behalf
