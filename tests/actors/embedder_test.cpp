// The vectors of items, made by an endpoint that answers or does not, stored if there is room.
#include "runtime/storage/vector_rows.hpp"
#include "tests/support/run_fixture.hpp"

using namespace behalf;
using namespace std::chrono_literals;

namespace {

struct embedder_fixture : run_fixture {
  embedder_actor embedder;
  bool answers = true; // the endpoint

  embedder_fixture() {
    store_options::index_options index;
    index.dims = 2;
    index.model = "m";
    options->store.index = index;
    auto services = std::make_shared<const service_registry>(
      service_registry::create({service(std::string(embeddings_service))}).value());
    app->services = services;
    app->egress = own(outside::spawn_egress(sys, services, secrets, own(sys.spawn(scripted_audit)),
                                            door, app->meters));
    outside.answer = [this](const outbound_call& call) -> result<outbound_reply> {
      if (!answers)
        return fail(errc::upstream, "it does not answer");
      json::array data;
      for (std::size_t i = 0; i < js(call.body).at("input").as_array().size(); ++i)
        data.push_back({{"embedding", list(0.6, 0.8)}});
      outbound_reply reply;
      reply.status = 200;
      reply.headers = {{"Content-Type", "application/json"}};
      reply.body = dump(json::object{{"data", std::move(data)}});
      return reply;
    };
  }

  void begin() {
    embedder = own(storage::spawn_embedder(sys, app));
    sched.run();
  }
  void put(const std::string& key, const std::string& owner = "alice") {
    record row;
    row.owner = owner;
    row.type = kind::item;
    row.tenant = "acme";
    row.parent = "notes";
    row.id = key;
    row.doc = {{"value", {{"text", key}}}};
    write_records w;
    w.what.puts.push_back({std::move(row), {}, true});
    REQUIRE(ask<written>(app->writer, std::move(w)));
  }
  struct count_waiting {
    result<int64_t> operator()(storage_reader& db) const { return db.vectors().count_to_embed(); }
  };
  int64_t waiting() { return found(count_waiting{}); }
  double told() { return app->meters.gauge("behalf_items_to_embed", "").value(); }
  result<query_vector> query_of(const std::string& text) {
    return ask<query_vector>(embedder, embed_query{text});
  }
  void refuse_vectors() {
    disk.refuse = [](const write_batch& what) -> std::optional<error> {
      if (what.vectors.empty())
        return std::nullopt;
      return fail(errc::overloaded, "the disk is full");
    };
  }
};

} // namespace

TEST_CASE_METHOD(embedder_fixture, "a full disk is not laid to the embeddings endpoint",
                 "[store]") {
  put("a");
  refuse_vectors();
  begin();
  CHECK(waiting() == 1);
  CHECK(told() == 1);
  CHECK(query_of("a"));
  CHECK(app->meters.counter("behalf_embeddings_failed_total", "").value() == 0);
  pass(4s);
  CHECK(outside.calls.size() == 2);
  disk.refuse = nullptr;
  pass(2s);
  CHECK(waiting() == 0);
  CHECK(told() == 0);
}

TEST_CASE_METHOD(embedder_fixture, "an endpoint that does not answer is asked again, less and less",
                 "[store]") {
  answers = false;
  put("a");
  begin();
  CHECK_FALSE(query_of("a"));
  CHECK(outside.calls.size() == 1);
  pass(600ms);
  CHECK(outside.calls.size() == 2);
  pass(600ms);
  CHECK(outside.calls.size() == 2);
  refuse_vectors();
  answers = true;
  pass(500ms); // it answers, and now there is no room
  CHECK(outside.calls.size() == 3);
  CHECK(query_of("a"));
  CHECK(waiting() == 1);
  disk.refuse = nullptr;
  pass(6s);
  CHECK(waiting() == 0);
}

TEST_CASE_METHOD(embedder_fixture, "who puts one item does not wait for all of another's",
                 "[store]") {
  for (int n = 0; n < 200; ++n)
    put("a" + std::to_string(n));
  put("of bob", "bob");
  put("of carol", "carol");
  begin();
  REQUIRE(outside.calls.size() > 2);
  auto first = dump(js(outside.calls[0].body).at("input"));
  CHECK(first.find("of bob") != first.npos);
  CHECK(first.find("of carol") != first.npos);
  CHECK(waiting() == 0);
}

TEST_CASE_METHOD(embedder_fixture, "nor when all vectors are made anew", "[store]") {
  for (int n = 0; n < 200; ++n)
    put("a" + std::to_string(n));
  put("of bob", "bob");
  write_records w;
  w.what.embedded_by = "another model";
  REQUIRE(ask<written>(app->writer, std::move(w)));
  CHECK(waiting() == 201);
  begin();
  REQUIRE(outside.calls.size() > 2);
  auto first = dump(js(outside.calls[0].body).at("input"));
  CHECK(first.find("of bob") != first.npos);
  CHECK(told() == 0);
}

TEST_CASE_METHOD(embedder_fixture, "owners take turns", "[store]") {
  for (int n = 0; n < 20; ++n)
    for (const char* owner : {"alice", "bob", "carol"})
      put(owner + std::to_string(n), owner);
  auto names = [&](embedding_turn after, int64_t limit) {
    struct read {
      embedding_turn after;
      int64_t limit;
      result<std::vector<std::string>> operator()(storage_reader& db) const {
        std::vector<std::string> keys;
        for (const auto& one : db.vectors().to_embed(after, limit, 1 << 20).value())
          keys.push_back(one.row.id);
        return keys;
      }
    };
    return found(read{std::move(after), limit});
  };
  using keys = std::vector<std::string>;
  CHECK(names({}, 6) == keys{"alice0", "alice1", "bob0", "bob1", "carol0", "carol1"});
  CHECK(names({"alice", 1}, 2) == keys{"bob0", "carol0"});
  CHECK(names({"carol", 1}, 2) == keys{"alice0", "bob0"});
  CHECK(names({"carol", 1'000}, 3) == keys{"alice0", "bob0", "carol0"});
}
