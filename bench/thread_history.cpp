// How long a long thread's history takes to show, and what a conversation stores with each step.
// Usage: thread_history [folder] [checkpoints, default a thousand]
#include "bench/must.hpp"
#include "runtime/base/id.hpp"
#include "runtime/graph/history_walk.hpp"
#include "runtime/graph/state_update.hpp"
#include "runtime/storage/open_storage.hpp"
#include "runtime/storage/query.hpp"
#include "runtime/storage/record_scan.hpp"
#include "runtime/storage/storage.hpp"
#include "runtime/storage/write_batch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace {

using namespace behalf;

std::shared_ptr<const graph> chat() {
  graph_builder b{"chat"};
  b.channel("messages", flow::messages());
  b.node("answer", [](const state_view&, context&) -> node_result { return flow::update{}; });
  b.edge(flow::start, "answer");
  return must(b.build());
}

record row_of(const checkpoint_doc& doc, const std::string& thread) {
  record row;
  row.type = kind::checkpoint;
  row.tenant = "default";
  row.id = doc.id;
  row.parent = thread;
  row.parent_checkpoint = doc.parent_id;
  row.full = doc.full;
  row.metadata = doc.metadata();
  row.doc = doc.body();
  row.created_at = row.updated_at = doc.created_at;
  return row;
}

checkpoint_doc doc_of(const record& row) {
  return must(checkpoint_doc::from(row.id, row.parent_checkpoint, row.ns, row.full, row.metadata,
                                   row.doc, row.created_at));
}

// A conversation, one message of so many characters a step; the bytes stored.
std::size_t fill(storage_engine& db, const std::shared_ptr<const graph>& flow,
                 const std::string& thread, int steps, std::size_t characters) {
  std::vector<superstep_update> all;
  for (int i = 0; i < steps; ++i) {
    json::object message{{"type", i % 2 ? "ai" : "human"},
                         {"content", std::string(characters, 'x')}};
    all.push_back({{json::object{{"messages", std::move(message)}}, "answer"}});
  }
  update_spec spec;
  spec.facts = std::make_shared<run_facts>();
  spec.checkpoint_metadata = {{"thread_id", thread}, {"graph_id", "chat"}, {"owner", "alice"}};
  auto done = must(update_state(*flow, {}, all, std::move(spec)));
  write_batch what;
  record row;
  row.type = kind::thread;
  row.tenant = "default";
  row.id = thread;
  row.status = "idle";
  row.created_at = row.updated_at = row.state_updated_at = now();
  what.puts.push_back({row, 0});
  std::size_t bytes = 0;
  for (const auto& doc : done.checkpoints) {
    what.puts.push_back({row_of(doc, thread), 0});
    bytes += dump(what.puts.back().row.doc).size() + dump(what.puts.back().row.metadata).size();
  }
  must(db.begin());
  must(db.apply(what));
  must(db.flush());
  return bytes;
}

// As the server answers it.
std::string history(storage_reader& reader, const graph& flow, const std::string& thread,
                    int limit) {
  query q{.type = kind::checkpoint, .tenant = "default", .parent = thread};
  q.sort = sort_key::id;
  q.limit = limit;
  record_scan ids{q, record_scan::wants::heads};
  std::vector<std::string> all;
  for (bool done = false; !done;) {
    auto part = must(reader.go_on(ids, {}));
    done = part.done;
    for (const auto& row : part.rows)
      all.push_back(row.id);
  }
  history_walk walk{&flow, thread};
  std::string text;
  for (const auto& id : all) {
    if (!walk.reaches(id)) {
      std::vector<checkpoint_doc> chain;
      for (const auto& row : must(reader.checkpoint_chain("default", thread, "", id)))
        chain.push_back(doc_of(row));
      must(walk.load(std::move(chain)));
    }
    text += walk.show(id) + ',';
  }
  return text;
}

void measure(storage_engine& db, const std::shared_ptr<const graph>& flow, int steps,
             std::size_t characters) {
  const auto thread = uuid7();
  fill(db, flow, thread, steps, characters);
  auto reader = must(db.open_reader());
  std::vector<double> read, took;
  std::size_t bytes = 0;
  for (int i = 0; i < 30; ++i) {
    const auto from = std::chrono::steady_clock::now();
    must(reader->checkpoint_chain("default", thread, "", ""));
    const auto then = std::chrono::steady_clock::now();
    bytes = history(*reader, *flow, thread, 100).size();
    read.push_back(std::chrono::duration<double, std::milli>(then - from).count());
    took.push_back(
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - then).count());
  }
  std::sort(read.begin(), read.end());
  std::sort(took.begin(), took.end());
  std::printf("%d messages of %zu characters: its state %.2f ms, 100 of its history p50 %.2f ms, "
              "max %.2f ms, %zu bytes\n",
              steps, characters, read[read.size() / 2], took[took.size() / 2], took.back(), bytes);
}

} // namespace

int main(int argc, char** argv) {
  std::filesystem::path folder = argc > 1 ? argv[1] : ".";
  const auto steps = argc > 2 ? std::atoi(argv[2]) : 1000;
  auto file = folder / ("thread_history-" + uuid4() + ".db");
  {
    auto db = must(open_storage({.url = storage_url(file.string())}));
    const auto flow = chat();
    for (int messages : {50, 100, 200, 400, 1000})
      std::printf("a conversation of %d messages of 200 characters: %zu bytes a step\n", messages,
                  fill(*db, flow, uuid7(), messages, 200) / static_cast<std::size_t>(messages));
    for (auto characters : {0, 20, 200})
      measure(*db, flow, steps, static_cast<std::size_t>(characters));
  }
  for (const char* suffix : {"", "-wal", "-shm", ".lock"})
    std::filesystem::remove(file.string() + suffix);
}
