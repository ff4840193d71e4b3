// Every field of every route, with every value nobody should send: the server, in a process of its
// own, must answer each request in time and without a 5xx, and stay as small as it was.
//
// The fields are not listed here. The server tells which ones its endpoints ask for, so a new route
// is tried as soon as it is in the route table.
//   BEHALF_FUZZ_REQUESTS=200000  how many (default 50,000)
//   BEHALF_FUZZ_ONLY=4711        that request alone, shown as it is sent
#include "actors/endpoints/openapi.hpp"
#include "actors/endpoints/routes.hpp"
#include "runtime/base/asked_fields.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/text.hpp"
#include "tests/schema/hostile_requests.hpp"
#include "tests/support/api_client.hpp"
#include "tests/support/running_fixture.hpp"

#include <atomic>
#include <fstream>
#include <iostream>
#include <mutex>
#include <set>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>

using namespace behalf;
using namespace behalf::testing;

namespace {

#if defined(UNDER_ADDRESS_SANITIZER)
constexpr std::chrono::seconds patience{4}; // four times what a server without sanitizers gets
constexpr long most_memory_kib = 2 * 1024 * 1024;
#else
constexpr std::chrono::seconds patience{1};
constexpr long most_memory_kib = 512 * 1024;
#endif

// What both processes see: the server's port, and the fields its endpoints asked for.
struct shared_page {
  std::atomic<int> port{0};
  std::atomic<std::size_t> used{0};
  char text[1 << 20];
};

shared_page* page = nullptr;

void note_field(std::string_view field, std::string_view type) {
  auto line = std::string(field) + ' ' + std::string(type) + '\n';
  auto at = page->used.fetch_add(line.size());
  if (at + line.size() <= sizeof page->text)
    std::copy(line.begin(), line.end(), page->text + at);
}

// The server, in a child of this process: its end is seen, and does not end the test.
class server_process {
public:
  server_process() {
    page = new (::mmap(nullptr, sizeof(shared_page), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0)) shared_page;
    child_ = ::fork();
    if (child_ == 0)
      serve();
    while (page->port == 0 && alive())
      std::this_thread::yield();
  }
  ~server_process() {
    if (alive())
      ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;

  uint16_t port() const { return static_cast<uint16_t>(page->port); }
  bool alive() const {
    siginfo_t end{};
    return ::waitid(P_PID, static_cast<id_t>(child_), &end, WEXITED | WNOHANG | WNOWAIT) == 0
           && end.si_pid == 0;
  }
  long kib(std::string_view field) const {
    std::ifstream status{"/proc/" + std::to_string(child_) + "/status"};
    for (std::string line; std::getline(status, line);)
      if (line.starts_with(field))
        return std::stol(line.substr(field.size() + 1));
    return 0;
  }

  /// The fields asked for since the last call.
  static std::vector<asked_field> asked() {
    std::vector<asked_field> all;
    std::istringstream lines{
      std::string(page->text, std::min(page->used.exchange(0), sizeof page->text))};
    for (asked_field f; lines >> f.name >> f.type;)
      all.push_back(f);
    return all;
  }

private:
  [[noreturn]] static void serve() {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    asked_fields::listen(note_field);
    REQUIRE(log::configure("error")); // not a line for each of thousands of runs
    running_fixture server;
    page->port = server.system->port();
    while (true)
      ::pause();
  }

  pid_t child_ = 0;
};

std::string bearer_of(api_client& client) {
  return client.log_in("alice") ? client.bearer() : std::string{};
}

struct line {
  std::optional<basic_raw_client<patient_socket>> socket;

  raw_reply ask(uint16_t port, const std::string& bytes, bool bodiless) {
    if (!socket || !socket->socket().open())
      socket.emplace(port);
    socket->send(bytes);
    auto reply = socket->read_reply(bodiless);
    if (!reply.complete || reply.header("connection") == "close")
      socket.reset();
    return reply;
  }
};

// What is wrong with an answer; empty: nothing.
std::string verdict(const raw_reply& reply, std::chrono::milliseconds took) {
  if (!reply.complete)
    return "no whole answer, status " + std::to_string(reply.status) + ", after "
           + std::to_string(took.count()) + " ms: " + reply.body.substr(0, 300);
  if (reply.status >= 500
      && !(reply.status == 503 && !reply.header("retry-after").empty())) // overload, and said so
    return "status " + std::to_string(reply.status) + " " + reply.body.substr(0, 300);
  if (took > patience)
    return "took " + std::to_string(took.count()) + " ms";
  return {};
}

class campaign {
public:
  campaign(uint16_t port, hostile_requests& requests) : port_(port), requests_(requests) {}

  std::string once(line& to, std::size_t number) {
    auto request = requests_.make(number);
    auto begun = std::chrono::steady_clock::now();
    auto reply = to.ask(port_, request.bytes, request.method == "HEAD");
    auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);
    auto wrong = verdict(reply, took);
    auto slowest = slowest_ms_.load();
    while (wrong.empty() && took.count() > slowest
           && !slowest_ms_.compare_exchange_weak(slowest, took.count())) {
    }
    ++by_class_[std::min<std::size_t>(reply.status / 100, 5)];
    return wrong.empty() ? wrong
                         : "request " + std::to_string(number) + ": " + wrong + "\n"
                             + request.bytes.substr(0, 2000);
  }

  void run(std::size_t from, std::size_t step, std::size_t end) {
    line to;
    for (auto i = from; i < end && !failed_; i += step) {
      auto wrong = once(to, i);
      // A busy machine is slow once; what is slow by itself is slow again.
      for (int again = 0; again < 2 && wrong.find(": took ") != wrong.npos; ++again)
        wrong = once(to, i);
      if (!wrong.empty())
        report(std::move(wrong));
    }
  }

  const std::string& fault() const { return fault_; }
  long slowest_ms() const { return slowest_ms_; }
  std::size_t answers(std::size_t hundred) const { return by_class_[hundred]; }

private:
  void report(std::string wrong) {
    std::lock_guard lock{guard_};
    if (fault_.empty())
      fault_ = std::move(wrong);
    failed_ = true;
  }

  uint16_t port_;
  hostile_requests& requests_;
  std::mutex guard_;
  std::string fault_;
  std::atomic<bool> failed_{false};
  std::atomic<long> slowest_ms_{0};
  std::array<std::atomic<std::size_t>, 6> by_class_{};
};

std::size_t from_environment(const char* name, std::size_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::stoul(text) : otherwise;
}

// Asks each route until it asks for nothing new: with nothing, then with everything it asked for.
void learn(hostile_requests& requests, uint16_t port) {
  line to;
  for (std::size_t r = 0; r < requests.routes().size(); ++r)
    for (int round = 0; round < 4; ++round) {
      (void)server_process::asked();
      auto request = requests.plain(r);
      auto reply = to.ask(port, request.bytes, request.method == "HEAD");
      INFO(request.bytes << "\n" << reply.status << ' ' << reply.body.substr(0, 300));
      REQUIRE(reply.complete);
      requests.learned(r, server_process::asked());
    }
}

// The names of fields in a schema, at every depth.
void collect_names(const json::value& schema, const json::object& schemas,
                   std::set<std::string>& names) {
  if (schema.is_array())
    for (const auto& one : schema.get_array())
      collect_names(one, schemas, names);
  if (!schema.is_object())
    return;
  if (const auto* reference = member(schema, "$ref"))
    return collect_names(schemas.at(std::string_view(reference->get_string()).substr(21)), schemas,
                         names);
  for (const auto& [key, value] : schema.get_object()) {
    if (key == "properties")
      for (const auto& [name, one] : value.get_object())
        names.emplace(name);
    collect_names(value, schemas, names);
  }
}

// What /openapi.json says an operation reads: of its body and its query.
std::set<std::string> described_fields(const json::object& document, const std::string& method,
                                       const std::string& pattern) {
  std::set<std::string> names;
  const auto& operation = document.at("paths").at(pattern).at(ascii_lower(method)).as_object();
  for (const auto& one : operation.at("parameters").as_array())
    names.emplace(one.at("name").as_string());
  if (const auto* body = member(operation, "requestBody"))
    collect_names(*body, document.at("components").at("schemas").as_object(), names);
  return names;
}

} // namespace

TEST_CASE("no value of any field of any route ends, stops or fills the server", "[schema]") {
  server_process server; // before there is a second thread
  REQUIRE(server.alive());
  api_client alice{server.port()};
  hostile_requests requests{bearer_of(alice)};
  for (const auto& r : endpoints::all_routes().payloads())
    if (!r.pattern.starts_with("/threads/{thread_id}/stream")) // answers without an end
      requests.add(to_string(r.method), r.pattern);
  requests.places(alice);
  learn(requests, server.port());
  // Names in the path or a header, a list, or what is only asked of something that is there.
  const std::set<std::string> without_fields{"/threads/{thread_id}",
                                             "/threads/{thread_id}/copy",
                                             "/threads/{thread_id}/runs/{run_id}",
                                             "/assistants/{assistant_id}",
                                             "/runs/crons/{cron_id}",
                                             "/ui/{graph_id}",
                                             "/runs/batch"};
  for (const auto& r : requests.routes()) {
    INFO(r.method << ' ' << r.pattern << " takes no field at all: say so, or read its fields with "
                  << "body_reader, text_query, int_query, list_query, flag_query or form_text");
    CHECK((r.method == "GET" || !r.fields.empty() || without_fields.count(r.pattern) == 1
           || (r.method == "DELETE" && r.pattern == "/mcp")));
  }

  const auto document = endpoints::openapi_document();
  for (const auto& r : requests.routes())
    for (const auto& f : r.fields)
      if (f.type != "form" && !r.pattern.starts_with("/mcp") && !r.pattern.starts_with("/a2a")) {
        INFO(r.method << ' ' << r.pattern << " reads " << f.name
                      << ": say so in actors/endpoints/openapi");
        CHECK(described_fields(document, r.method, r.pattern).count(f.name) == 1);
      }

  campaign all{server.port(), requests};
  if (const auto only = from_environment("BEHALF_FUZZ_ONLY", 0); only != 0) {
    line to;
    std::cout << requests.make(only).bytes.substr(0, 100'000) << "\n";
    CHECK(all.once(to, only).empty());
    return;
  }
  const auto count = from_environment("BEHALF_FUZZ_REQUESTS", 50'000);
  CHECK(requests.lap() <= count); // every value in every field at least once
  constexpr std::size_t clients = 4;
  std::vector<std::thread> crew;
  for (std::size_t c = 0; c < clients; ++c)
    crew.emplace_back([&, c] { all.run(1 + c, clients, count + 1); });
  for (auto& one : crew)
    one.join();

  std::cout << "schema: " << count << " requests, " << requests.fields() << " fields of "
            << requests.routes().size() << " routes; answers 2xx " << all.answers(2) << ", 4xx "
            << all.answers(4) << ", 5xx " << all.answers(5) << "; slowest " << all.slowest_ms()
            << " ms; server at most " << server.kib("VmHWM:") / 1024 << " MiB\n";
  CHECK(all.fault() == "");
  CHECK(server.alive());
  CHECK(all.answers(2) > count / 20); // hostile values in requests that are otherwise good
  CHECK(server.kib("VmHWM:") < most_memory_kib);
}
