// The server as it really runs: actors on several threads, sockets, the storage and the audit log
// on theirs, and clients of several users at once. Every answer must be right, and its user's own.
// ThreadSanitizer watches (scripts/test threads).
#include "tests/support/api_client.hpp"
#include "tests/support/crew.hpp"
#include "tests/support/running_fixture.hpp"

#include <filesystem>

using namespace behalf;
using namespace behalf::testing;
using namespace std::chrono_literals;

namespace {

json::object hello_with(const std::string& text) {
  return {{"assistant_id", "hello"},
          {"input", {{"messages", {{{"role", "user"}, {"content", text}}}}}}};
}

json::object hello_in_an_hour() {
  return {{"assistant_id", "hello"}, {"input", json::object{}}, {"after_seconds", 3600}};
}

std::string text_at(const raw_reply& reply, std::string_view key) {
  auto body = parse_json(reply.body);
  return body && body->is_object() ? std::string(string_or(body->get_object(), key))
                                   : std::string{};
}

bool names_only(const std::string& user, const std::string& body) {
  for (const auto& other : user_names)
    if (other != user && body.find(other) != body.npos)
      return false;
  return body.find(user) != body.npos;
}

// The threads everyone has made so far, for others to try.
class thread_book {
public:
  void add(const std::string& user, const std::string& id) {
    std::lock_guard lock{guard_};
    ids_.emplace_back(user, id);
  }
  /// Empty: nobody else has one yet.
  std::string last_not_of(const std::string& user) const {
    std::lock_guard lock{guard_};
    for (auto at = ids_.rbegin(); at != ids_.rend(); ++at)
      if (at->first != user)
        return at->second;
    return {};
  }
  std::vector<std::pair<std::string, std::string>> all() const {
    std::lock_guard lock{guard_};
    return ids_;
  }

private:
  mutable std::mutex guard_;
  std::vector<std::pair<std::string, std::string>> ids_;
};

// What one user does, again and again.
class visitor {
public:
  visitor(uint16_t port, std::string user, findings& wrong, thread_book& book)
    : user_(std::move(user)), wrong_(wrong), book_(book), api_(port), other_(port) {}

  bool log_in() {
    return wrong_.check(api_.log_in(user_) && other_.log_in(user_), user_ + " logs in", {});
  }

  void round(int number) {
    auto thread = make_thread();
    if (thread.empty())
      return;
    wait_for_hello(thread, number);
    stream_hello(thread);
    ask_mail();
    cancel_one_that_waits(thread);
    cancel_one_that_ends(thread);
    leave_a_stream(thread);
    try_a_stranger();
  }

private:
  bool right(const raw_reply& reply, std::string_view what, bool as_it_should = true) {
    return wrong_.check(reply.complete && reply.status == 200 && as_it_should,
                        user_ + " " + std::string(what), reply);
  }

  std::string make_thread() {
    auto made = api_.post("/threads");
    auto id = text_at(made, "thread_id");
    if (!right(made, "makes a thread", !id.empty() && names_only(user_, made.body)))
      return {};
    book_.add(user_, id);
    return "/threads/" + id;
  }

  void wait_for_hello(const std::string& thread, int number) {
    auto text = "it is " + user_ + " for the time " + std::to_string(number);
    auto ended = api_.post(thread + "/runs/wait", hello_with(text));
    right(ended, "waits",
          text_at(ended, "who") == user_ && names_only(user_, ended.body)
            && ended.body.find(text) != std::string::npos);
  }

  void stream_hello(const std::string& thread) {
    auto events = api_.post(thread + "/runs/stream", hello_with("again"));
    right(events, "streams",
          events.body.starts_with("event: metadata") && names_only(user_, events.body)
            && events.body.find("\"who\":\"" + user_ + "\"") != std::string::npos);
  }

  // As the user: the secret store, the audit log and the way out take part.
  void ask_mail() {
    auto ended = api_.post("/runs/wait", {{"assistant_id", "mail"}, {"input", json::object{}}});
    right(ended, "reads mail",
          ended.body.find("{\"mail_of\":\"" + user_ + "\"}") != std::string::npos
            && names_only(user_, ended.body));
  }

  void cancel_one_that_waits(const std::string& thread) {
    auto begun = api_.post(thread + "/runs", hello_in_an_hour());
    if (!right(begun, "starts a run", text_at(begun, "status") == "pending"))
      return;
    auto run = thread + "/runs/" + text_at(begun, "run_id");
    right(api_.post(run + "/cancel?wait=1"), "cancels");
    auto found = api_.get(run);
    right(found, "looks at a cancelled run", text_at(found, "status") == "interrupted");
  }

  // A race with its end, which both may win; joining answers either way.
  void cancel_one_that_ends(const std::string& thread) {
    auto begun = api_.post(thread + "/runs", hello_with("one more"));
    if (!right(begun, "starts a run"))
      return;
    auto run = thread + "/runs/" + text_at(begun, "run_id");
    auto cancelled = other_.post(run + "/cancel");
    wrong_.check(cancelled.complete && (cancelled.status == 202 || cancelled.status == 404),
                 user_ + " cancels in a race", cancelled);
    right(api_.get(run + "/join"), "joins");
    auto status = text_at(api_.get(run), "status");
    wrong_.check(status == "success" || status == "interrupted", user_ + " finds " + status, {});
  }

  void leave_a_stream(const std::string& thread) {
    auto what = hello_in_an_hour();
    what["on_disconnect"] = "cancel";
    auto head = other_.post_for_head(thread + "/runs/stream", what);
    other_.hang_up();
    raw_reply shown;
    shown.body = head;
    constexpr std::string_view field = "Content-Location: ";
    auto at = head.find(field);
    if (!wrong_.check(head.starts_with("HTTP/1.1 200 ") && at != head.npos, "a stream", shown))
      return;
    auto run = head.substr(at + field.size());
    run.resize(run.find("\r\n"));
    right(api_.get(run + "/join"), "joins a run it has left");
    auto found = api_.get(run);
    right(found, "looks at a run it has left", text_at(found, "status") == "interrupted");
  }

  void try_a_stranger() {
    auto theirs = book_.last_not_of(user_);
    if (theirs.empty())
      return;
    auto refused = api_.get("/threads/" + theirs);
    wrong_.check(refused.complete && refused.status == 404, user_ + " tries a stranger", refused);
  }

  std::string user_;
  findings& wrong_;
  thread_book& book_;
  api_client api_, other_;
};

// Until `over`, what anyone may ask.
void observe(uint16_t port, const std::atomic<bool>& over, findings& wrong) {
  api_client api{port};
  do
    for (const std::string target : {"/ok", "/info", "/metrics"}) {
      auto reply = api.get(target);
      wrong.check(reply.complete && reply.status == 200, target, reply);
    }
  while (!over);
}

} // namespace

TEST_CASE("users on many threads get right answers, each their own", "[threads]") {
  running_fixture server;
  findings wrong;
  thread_book book;
  std::atomic<bool> over{false};
  crew observer, visitors;
  observer.start([&] { observe(server.system->port(), over, wrong); });
  for (const auto& user : {"alice", "bob", "carol", "dave", "alice", "bob"})
    visitors.start([&, user = std::string(user)] {
      visitor v{server.system->port(), user, wrong, book};
      for (int i = 0; v.log_in() && i < 5; ++i)
        v.round(i);
    });
  visitors.join();
  over = true;
  observer.join();
  wrong.report();
  CHECK(book.all().size() == 30);
  CHECK(server.mail.mixed() == 0);
}

TEST_CASE("a drain answers what has arrived, and nothing acknowledged is lost", "[threads]") {
  running_fixture server;
  const auto port = server.system->port();
  findings wrong;
  thread_book book;
  tally answers;
  crew clients;
  for (const auto& user : user_names)
    clients.start([&, user] {
      api_client api{port};
      if (!wrong.check(api.log_in(user), user + " logs in", {}))
        return;
      // To the first connection that is closed or refused: nothing may have come on it then.
      for (;;) {
        auto made = api.post("/threads");
        if (made.status == 200)
          book.add(user, text_at(made, "thread_id"));
        auto ended = made.status == 200 ? api.post("/runs/wait", hello_with("hi")) : made;
        if (ended.status == 0)
          return;
        if (!wrong.check(ended.complete && (ended.status == 200 || ended.status == 503),
                         user + " meets a drain", ended)
            || ended.status == 503)
          return;
        wrong.check(names_only(user, ended.body), user + " is answered", ended);
        answers.add();
      }
    });
  REQUIRE(answers.reaches(20));
  server.system->stop();
  clients.join();
  wrong.report();
  CHECK_FALSE(std::filesystem::exists(server.database() + "-wal")); // all is in the database

  server.start();
  REQUIRE(book.all().size() >= 20);
  std::map<std::string, api_client> apis;
  for (const auto& [user, id] : book.all()) {
    auto at = apis.find(user);
    if (at == apis.end()) {
      at = apis.emplace(user, server.system->port()).first;
      REQUIRE(at->second.log_in(user));
    }
    auto found = at->second.get("/threads/" + id);
    INFO(user << " " << id << " " << found.body);
    CHECK(found.status == 200);
  }
}

TEST_CASE("a stop ends streams and waits that outlast the grace", "[threads]") {
  running_fixture server{100ms};
  const auto port = server.system->port();
  findings wrong;
  tally watching;
  crew clients;
  for (const auto& user : user_names)
    clients.start([&, user] {
      api_client api{port};
      wrong.check(api.log_in(user), user + " logs in", {});
      raw_reply head;
      head.body = api.post_for_head("/runs/stream", hello_in_an_hour());
      wrong.check(head.body.starts_with("HTTP/1.1 200 "), user + " streams", head);
      watching.add();
      auto events = api.rest();
      wrong.check(events.find("event: values") == events.npos, user + " sees a run", head);
    });
  REQUIRE(watching.reaches(4));
  server.system->stop();
  clients.join();
  wrong.report();
}

TEST_CASE("a stop does not wait for time limits of what is done", "[threads]") {
  running_fixture server{20s, 4, [](system_setup& s) {
                           graph_builder b{"limited"};
                           b.channel("done", flow::last_value());
                           b.node("quick",
                                  [](const state_view&, context&) -> node_result {
                                    return flow::update{{"done", true}};
                                  },
                                  {.timeout = 10min});
                           b.edge(flow::start, "quick").edge("quick", flow::end);
                           s.graphs.push_back({"limited", "", b.build().value()});
                         }};
  api_client api{server.system->port()};
  REQUIRE(api.log_in("alice"));
  auto ended = api.post("/runs/wait", {{"assistant_id", "limited"}, {"input", json::object{}}});
  CHECK(ended.body.find("\"done\":true") != std::string::npos);
  auto begun = std::chrono::steady_clock::now();
  CHECK(server.system->stop());
  CHECK(std::chrono::steady_clock::now() - begun < 10s);
}

namespace {

// More nodes that do not return than there are threads, and everything else goes on.
void toil_beside(std::size_t threads) {
  running_fixture server{60s, threads};
  const auto port = server.system->port();
  findings wrong;
  crew toilers;
  for (int i = 0; i < 8; ++i)
    toilers.start([&, i] {
      api_client api{port};
      wrong.check(api.log_in(user_names[i % 4]), "logs in", {});
      auto ended = api.post("/runs/wait", {{"assistant_id", "toil"}, {"input", json::object{}}});
      wrong.check(ended.status == 200 && ended.body.find("\"toiled\":true") != std::string::npos,
                  "toils", ended);
    });
  thread_book book;
  visitor alice{port, "alice", wrong, book};
  if (alice.log_in())
    for (int i = 0; i < 3 || server.toil->begun < 8; ++i)
      alice.round(i);
  CHECK(server.toil->begun == 8);
  server.toil->end.set_value();
  toilers.join();
  wrong.report();
}

} // namespace

TEST_CASE("nodes that hold their threads hold up nobody else", "[threads]") {
  toil_beside(2);
}

TEST_CASE("one thread is enough", "[threads]") {
  toil_beside(1);
}
