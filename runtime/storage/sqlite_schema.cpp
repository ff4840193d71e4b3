#include "runtime/storage/sqlite_schema.hpp"

#include "runtime/base/log.hpp"

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

// What an assistant was, version by version. Who has how much: kept by triggers, since records go
// in many ways. Crons, which go with their thread and their assistant.
// An assistant of the server itself may not be stored yet: no foreign key. What changes at every
// firing comes before what may be long. What clients are still to be told.
constexpr std::string_view sixth_version = R"sql(
CREATE TABLE assistant_version (
  seq INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  parent TEXT NOT NULL, -- the assistant
  id TEXT NOT NULL,     -- its number, with leading zeros
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  doc TEXT NOT NULL,
  UNIQUE (tenant, parent, id),
  FOREIGN KEY (tenant, parent) REFERENCES assistant (tenant, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE cron (
  seq INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  parent TEXT, -- the thread; null: each run has its own
  assistant_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  status TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  next_at INTEGER,
  ends_at INTEGER,
  refusal TEXT NOT NULL,
  metadata TEXT NOT NULL,
  doc TEXT NOT NULL,
  UNIQUE (tenant, id),
  FOREIGN KEY (tenant, parent) REFERENCES thread (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX cron_due ON cron (next_at, tenant, id)
  WHERE status='enabled' AND next_at IS NOT NULL;
CREATE INDEX cron_by_thread ON cron (tenant, parent);
CREATE INDEX cron_by_assistant ON cron (tenant, assistant_id);
CREATE TABLE cron_term (
  term INTEGER NOT NULL,
  at INTEGER NOT NULL, -- created_at
  seq INTEGER NOT NULL REFERENCES cron (seq) ON DELETE CASCADE,
  PRIMARY KEY (term, at, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX cron_terms ON cron_term (seq);

CREATE TABLE owned ( -- how many there are of somebody's; owner '': of all in the tenant
  tenant TEXT NOT NULL,
  kind TEXT NOT NULL,
  owner TEXT NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (tenant, kind, owner)
) STRICT, WITHOUT ROWID;
ALTER TABLE assistant ADD COLUMN owner TEXT NOT NULL DEFAULT ''; -- '': counts for nobody
ALTER TABLE thread ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE item ADD COLUMN owner TEXT NOT NULL DEFAULT '';
CREATE TRIGGER assistant_comes AFTER INSERT ON assistant WHEN new.owner<>'' BEGIN
  INSERT INTO owned VALUES (new.tenant, 'assistant', new.owner, 1), (new.tenant, 'assistant', '', 1)
    ON CONFLICT DO UPDATE SET records=records+1;
END;
CREATE TRIGGER assistant_goes AFTER DELETE ON assistant WHEN old.owner<>'' BEGIN
  UPDATE owned SET records=records-1
    WHERE tenant=old.tenant AND kind='assistant' AND owner IN (old.owner, '');
END;
CREATE TRIGGER thread_comes AFTER INSERT ON thread WHEN new.owner<>'' BEGIN
  INSERT INTO owned VALUES (new.tenant, 'thread', new.owner, 1), (new.tenant, 'thread', '', 1)
    ON CONFLICT DO UPDATE SET records=records+1;
END;
CREATE TRIGGER thread_goes AFTER DELETE ON thread WHEN old.owner<>'' BEGIN
  UPDATE owned SET records=records-1
    WHERE tenant=old.tenant AND kind='thread' AND owner IN (old.owner, '');
END;
CREATE TRIGGER thread_hides AFTER UPDATE OF owner ON thread WHEN old.owner<>'' BEGIN
  UPDATE owned SET records=records-1
    WHERE tenant=old.tenant AND kind='thread' AND owner IN (old.owner, '');
END;
CREATE TRIGGER item_comes AFTER INSERT ON item WHEN new.owner<>'' BEGIN
  INSERT INTO owned VALUES (new.tenant, 'item', new.owner, 1), (new.tenant, 'item', '', 1)
    ON CONFLICT DO UPDATE SET records=records+1;
END;
CREATE TRIGGER item_goes AFTER DELETE ON item WHEN old.owner<>'' BEGIN
  UPDATE owned SET records=records-1
    WHERE tenant=old.tenant AND kind='item' AND owner IN (old.owner, '');
END;
CREATE TRIGGER cron_comes AFTER INSERT ON cron WHEN new.owner<>'' BEGIN
  INSERT INTO owned VALUES (new.tenant, 'cron', new.owner, 1), (new.tenant, 'cron', '', 1)
    ON CONFLICT DO UPDATE SET records=records+1;
END;
CREATE TRIGGER cron_goes AFTER DELETE ON cron WHEN old.owner<>'' BEGIN
  UPDATE owned SET records=records-1
    WHERE tenant=old.tenant AND kind='cron' AND owner IN (old.owner, '');
END;

CREATE TABLE item_to_embed ( -- their vectors are to be made
  item_seq INTEGER PRIMARY KEY REFERENCES item (seq) ON DELETE CASCADE,
  owner TEXT NOT NULL -- whose turn it takes
) STRICT;
CREATE INDEX item_to_embed_by_owner ON item_to_embed (owner, item_seq);
CREATE TABLE item_vector (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- what is new is behind what was read
  item_seq INTEGER NOT NULL REFERENCES item (seq) ON DELETE CASCADE,
  tenant TEXT NOT NULL,
  sealed INTEGER NOT NULL,
  vector BLOB NOT NULL
) STRICT;
CREATE INDEX item_vector_by_item ON item_vector (item_seq);
CREATE INDEX item_vector_by_tenant ON item_vector (tenant, id);
CREATE TABLE item_vector_gone ( -- the last ones, for those who hold vectors in memory
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  vector INTEGER NOT NULL
) STRICT;
CREATE TRIGGER item_vector_goes AFTER DELETE ON item_vector BEGIN
  INSERT INTO item_vector_gone (tenant, vector) VALUES (old.tenant, old.id);
  DELETE FROM item_vector_gone
    WHERE seq<=(SELECT max(seq) FROM item_vector_gone)-100000;
END;
CREATE TABLE embedded_by (
  id INTEGER PRIMARY KEY CHECK (id=1),
  how TEXT NOT NULL
) STRICT;

CREATE TABLE webhook_call ( -- of runs that are over, until the call has been taken
  seq INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL, -- the run's
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL, -- when it is due
  metadata TEXT NOT NULL,
  doc TEXT NOT NULL,
  UNIQUE (tenant, id)
) STRICT;

CREATE TABLE master_check (
  id INTEGER PRIMARY KEY CHECK (id=1),
  nonce BLOB NOT NULL,
  ciphertext BLOB NOT NULL,
  tag BLOB NOT NULL
) STRICT;
CREATE TABLE data_key ( -- of a tenant; wrapped by the master key
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  nonce BLOB NOT NULL,
  ciphertext BLOB NOT NULL,
  tag BLOB NOT NULL
) STRICT;
-- With all of it, on other pages: a lost key is the loss of all that it sealed.
CREATE INDEX data_key_by_tenant ON data_key (tenant, id, created_at, nonce, ciphertext, tag);
-- What is compressed or sealed is a blob. No row is touched: each keeps the type it has.
PRAGMA writable_schema=ON;
UPDATE sqlite_schema SET sql=replace(sql, 'doc TEXT NOT NULL', 'doc ANY NOT NULL')
  WHERE type='table';
UPDATE sqlite_schema SET sql=replace(sql, 'metadata TEXT NOT NULL', 'metadata ANY NOT NULL')
  WHERE type='table' AND name IN ('checkpoint', 'set_aside');
PRAGMA writable_schema=RESET;
)sql";

// What chat models were asked, answered and cost; `cost` in billionths.
constexpr std::string_view seventh_version = R"sql(
CREATE TABLE usage (
  seq INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  owner TEXT NOT NULL,
  identity TEXT NOT NULL,
  day INTEGER NOT NULL, -- since 1970-01-01, UTC
  model TEXT NOT NULL,
  agent TEXT NOT NULL,
  requests INTEGER NOT NULL,
  input INTEGER NOT NULL,
  cache_read INTEGER NOT NULL,
  cache_creation INTEGER NOT NULL,
  output INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  UNIQUE (tenant, owner, day, model, agent)
) STRICT;
CREATE INDEX usage_by_day ON usage (day);
)sql";

// Calls of tools beside them.
constexpr std::string_view eighth_version = R"sql(
ALTER TABLE usage ADD COLUMN tool_calls INTEGER NOT NULL DEFAULT 0;
)sql";

// Items in a namespace [PREFIX…, "kept_results", USER, THREAD, …], by what is in it from the thread
// on.
constexpr std::string_view ninth_version = R"sql(
CREATE INDEX item_kept_of_thread
  ON item (tenant, substr(
    substr(parent, 13+instr(char(31)||parent, char(31)||'kept_results'||char(31))),
    1+instr(substr(parent, 13+instr(char(31)||parent, char(31)||'kept_results'||char(31))), char(31))))
  WHERE instr(char(31)||parent, char(31)||'kept_results'||char(31))>0;
)sql";

constexpr std::string_view migrations[]{first_version,   second_version, third_version,
                                        fourth_version,  fifth_version,  sixth_version,
                                        seventh_version, eighth_version, ninth_version};

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
  sqlite_connection::open_schema steps_change_texts{db};
  for (auto at = *version; at < newest; ++at)
    if (auto done = run_step(db, steps[static_cast<std::size_t>(at)], at + 1); !done)
      return fail(errc::internal, done.error().message + " (while updating the file to format "
                                    + std::to_string(at + 1) + ")");
  if (*version > 0 && *version < newest)
    log::info("storage_updated", {{"file", db.path()}, {"from", *version}, {"to", newest}});
  return {};
}

} // namespace behalf
