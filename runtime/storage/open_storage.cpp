#include "runtime/storage/open_storage.hpp"

#include "runtime/storage/sqlite.hpp"

#include <filesystem>

namespace behalf {
namespace {

constexpr std::string_view sqlite_scheme = "sqlite:";
constexpr std::string_view expected = "must be sqlite:<path>, such as sqlite:./behalf.db";

// The file of a SQLite storage. Another kind of storage adds its scheme here and in the functions
// below.
result<std::string> file_of(const std::string& url) {
  if (!url.starts_with(sqlite_scheme))
    return fail(errc::invalid_argument, std::string(expected));
  auto file = url.substr(sqlite_scheme.size());
  if (!file.starts_with("//"))
    return file.empty() ? result<std::string>{fail(errc::invalid_argument, std::string(expected))}
                        : file;
  if (!file.starts_with("///") || file.size() == 3)
    return fail(
      errc::invalid_argument,
      "names a host: a file from the root is sqlite:///<path>, another one sqlite:<path>");
  return file.substr(2);
}

error of_storage(const error& why, const std::string& url) {
  return fail(why.code, url + ": the storage " + why.message);
}

} // namespace

result<void> check_storage_url(const std::string& url) {
  auto file = file_of(url);
  return file ? result<void>{} : file.error();
}

std::string storage_url(const std::string& typed) {
  return typed.find(':') < typed.find('/') ? typed : std::string(sqlite_scheme) + typed;
}

result<std::unique_ptr<storage_engine>> open_storage(storage_options options) {
  auto file = file_of(options.url);
  if (!file)
    return of_storage(file.error(), options.url);
  sqlite_options sqlite;
  sqlite.path = std::move(*file);
  sqlite.finished_runs = options.finished_runs;
  sqlite.usage = options.usage;
  sqlite.encryption = std::move(options.encryption);
  sqlite.clock = std::move(options.clock);
  return open_sqlite(std::move(sqlite));
}

storage_bytes bytes_of_storage(const std::string& url) {
  auto size = [](const std::string& file) {
    std::error_code ec;
    auto bytes = std::filesystem::file_size(file, ec);
    return ec ? 0.0 : static_cast<double>(bytes);
  };
  auto file = file_of(url);
  return file ? storage_bytes{size(*file), size(*file + "-wal")} : storage_bytes{};
}

result<storage_check> find_damage(const std::string& url, damaged_records what,
                                  const secret_ptr& master_key) {
  auto file = file_of(url);
  return file ? check_sqlite(*file, what, master_key) : of_storage(file.error(), url);
}

result<storage_resealing>
reseal_storage(const std::string& url, const storage_encryption& encryption, data_key_choice keys) {
  auto file = file_of(url);
  return file ? reseal_sqlite(*file, encryption, keys) : of_storage(file.error(), url);
}

result<std::vector<std::string>>
rotate_storage_key(const std::string& url, const secret_ptr& old_key, const secret_ptr& new_key) {
  auto file = file_of(url);
  return file ? rotate_sqlite_key(*file, old_key, new_key) : of_storage(file.error(), url);
}

result<storage_recovery> recover_storage(const std::string& from, const std::string& to) {
  auto old = file_of(from), fresh = file_of(to);
  if (!old || !fresh)
    return old ? of_storage(fresh.error(), to) : of_storage(old.error(), from);
  return recover_sqlite(*old, *fresh);
}

} // namespace behalf
