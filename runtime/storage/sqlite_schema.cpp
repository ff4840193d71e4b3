#include "runtime/storage/sqlite_schema.hpp"

namespace behalf {
namespace {

// "BHLF": tells our files from any other SQLite database.
constexpr int64_t application_id = 0x42484c46;

// Times are microseconds since the epoch. Columns a search looks at come before `metadata` and
// `doc`, so that SQLite need not walk a long document's pages to reach them. x_term files x under
// terms (terms.hpp), each ordered by the column the API sorts by when not told otherwise.
constexpr std::string_view first_version = R"sql(
CREATE TABLE assistant (
  seq INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  graph_id TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  doc TEXT NOT NULL,
  UNIQUE (tenant, id)
) STRICT;
CREATE TABLE assistant_term (
  term INTEGER NOT NULL,
  at INTEGER NOT NULL, -- created_at
  seq INTEGER NOT NULL,
  PRIMARY KEY (term, at, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE thread (
  seq INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  status TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  state_updated_at INTEGER NOT NULL,
  expires_at INTEGER,
  ttl_ms INTEGER NOT NULL,
  keep_latest INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  doc TEXT NOT NULL,
  UNIQUE (tenant, id)
) STRICT;
CREATE TABLE thread_term (
  term INTEGER NOT NULL,
  at INTEGER NOT NULL, -- updated_at
  seq INTEGER NOT NULL,
  PRIMARY KEY (term, at, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX thread_expiry ON thread (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE run (
  seq INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  parent TEXT NOT NULL,
  status TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  doc TEXT NOT NULL,
  UNIQUE (tenant, id),
  FOREIGN KEY (tenant, parent) REFERENCES thread (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX run_by_thread ON run (tenant, parent, created_at);
CREATE INDEX run_unfinished ON run (created_at) WHERE status IN ('pending', 'running');

CREATE TABLE checkpoint (
  seq INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  parent TEXT NOT NULL,
  ns TEXT NOT NULL,
  id TEXT NOT NULL,
  parent_checkpoint TEXT NOT NULL,
  run_id TEXT NOT NULL,
  is_full INTEGER NOT NULL,
  hidden INTEGER NOT NULL DEFAULT 0, -- erased, but later ones build upon it
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  doc TEXT NOT NULL,
  UNIQUE (tenant, parent, ns, id),
  FOREIGN KEY (tenant, parent) REFERENCES thread (tenant, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE item (
  seq INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  parent TEXT NOT NULL,
  id TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  expires_at INTEGER,
  ttl_ms INTEGER NOT NULL,
  keep_latest INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  doc TEXT NOT NULL,
  UNIQUE (tenant, parent, id)
) STRICT;
CREATE INDEX item_expiry ON item (expires_at) WHERE expires_at IS NOT NULL;
)sql";

// run_open tells whether a thread is busy. heartbeat is written only to see whether it can be.
constexpr std::string_view second_version = R"sql(
CREATE INDEX run_open ON run (tenant, parent) WHERE status IN ('pending', 'running');
CREATE TABLE heartbeat (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  at INTEGER NOT NULL
) STRICT;
CREATE TABLE set_aside ( -- what could not be read, as it was
  kind TEXT NOT NULL,
  tenant TEXT NOT NULL,
  parent TEXT NOT NULL,
  ns TEXT NOT NULL,
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  metadata TEXT NOT NULL,
  doc TEXT NOT NULL
) STRICT;
)sql";

// The thread of a stateless run lives for milliseconds: nobody searches for it, and filing it would
// be half of what the run writes.
constexpr std::string_view third_version = R"sql(
ALTER TABLE thread ADD COLUMN listed INTEGER NOT NULL DEFAULT 1;
)sql";

// Who holds a run: 0 is nobody, or who has the file alone. run_open also answers what every write
// of a run asks; what stands behind a long document is slow to read.
constexpr std::string_view fourth_version = R"sql(
ALTER TABLE run ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN fence INTEGER NOT NULL DEFAULT 1;
DROP INDEX run_open;
CREATE INDEX run_open ON run (tenant, parent, id, fence) WHERE status IN ('pending', 'running');
CREATE TABLE owner (
  id INTEGER PRIMARY KEY,
  expires_at INTEGER NOT NULL
) STRICT;
DROP TABLE heartbeat;
)sql";

// The ends of tasks one by one: a checkpoint with many tasks is not written again for each.
constexpr std::string_view fifth_version = R"sql(
CREATE TABLE task_end (
  seq INTEGER PRIMARY KEY,
  checkpoint_seq INTEGER NOT NULL REFERENCES checkpoint (seq) ON DELETE CASCADE,
  task TEXT NOT NULL,
  doc TEXT NOT NULL,
  UNIQUE (checkpoint_seq, task)
) STRICT;
)sql";

constexpr std::string_view migrations[]{first_version, second_version, third_version,
                                        fourth_version, fifth_version};

result<void> run_step(sqlite_connection& db, std::string_view step, int64_t version) {
  auto sql = "BEGIN IMMEDIATE; " + std::string(step)
             + "; PRAGMA application_id = " + std::to_string(application_id)
             + "; PRAGMA user_version = " + std::to_string(version) + "; COMMIT";
  auto done = db.execute(sql);
  if (!done && db.in_transaction())
    (void)db.execute("ROLLBACK");
  return done;
}

} // namespace

std::span<const std::string_view> sqlite_migrations() {
  return migrations;
}

result<void> check_ours(sqlite_connection& db) {
  auto id = db.number("PRAGMA application_id");
  if (!id)
    return id.error();
  auto tables = db.number("SELECT count(*) FROM sqlite_schema");
  if (!tables)
    return tables.error();
  if (*id == application_id || (*id == 0 && *tables == 0))
    return {};
  return fail(errc::internal, db.path() + ": a database of another program");
}

result<void> migrate(sqlite_connection& db, std::span<const std::string_view> steps) {
  auto version = db.number("PRAGMA user_version");
  if (!version)
    return version.error();
  auto newest = static_cast<int64_t>(steps.size());
  if (*version < 0)
    return fail(errc::internal, db.path() + ": damaged: its format is " + std::to_string(*version)
                                  + "; restore a backup");
  if (*version > newest)
    return fail(errc::internal, db.path() + ": made by a newer version of this program (format "
                                  + std::to_string(*version) + ", known up to "
                                  + std::to_string(newest)
                                  + "): use that version, or a backup from before its start");
  for (auto at = *version; at < newest; ++at)
    if (auto done = run_step(db, steps[static_cast<std::size_t>(at)], at + 1); !done)
      return fail(errc::internal, done.error().message + " (while updating the file to format "
                                    + std::to_string(at + 1) + ")");
  return {};
}

} // namespace behalf
