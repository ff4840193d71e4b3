// `behalf chat`: talks with an assistant of a server, over its public API, from a terminal.
#include "actors/admission/identity_calls.hpp"
#include "config/chat_approval.hpp"
#include "config/chat_stream.hpp"
#include "config/commands.hpp"
#include "config/device_login.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/http/client.hpp"
#include "runtime/net/codec.hpp"
#include "secrets/process.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <poll.h>
#include <set>
#include <unistd.h>

namespace behalf {
namespace {

constexpr int exit_waiting = 3; // a run waits for an answer that nobody gave here
constexpr std::size_t longest_line = 1u << 20;
constexpr std::size_t longest_event = 32u << 20;
constexpr std::size_t longest_refusal = 64u << 10;
constexpr std::size_t messages_shown = 6; // of a thread that is gone on with

volatile std::sig_atomic_t ctrl_c = 0;

extern "C" void count_ctrl_c(int) {
  ctrl_c = ctrl_c + 1;
}

void catch_ctrl_c() {
  struct sigaction action {};
  action.sa_handler = count_ctrl_c;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr); // without SA_RESTART: what waits for a line ends
}

int say(const error& why, int code = exit_failed) {
  auto line = printable(why.message); // it may be a server's
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::fprintf(stderr, "behalf: %s\n", line.c_str());
  return code;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == text.npos;
}

/// The server, asked one thing after the other.
class chat_server {
public:
  using bytes_handler = std::function<result<void>(std::string_view)>;

  static result<std::unique_ptr<chat_server>> connect(std::string url, std::string_view token) {
    while (url.ends_with('/'))
      url.pop_back();
    auto where = parse_origin(url);
    if (!where)
      return fail(errc::invalid_argument, "--url: " + where.error().message);
    std::unique_ptr<chat_server> made{new chat_server};
    client_options options;
    options.stream_idle = std::chrono::hours(1); // a terminal may be paused
    auto http = client::create(made->io_, std::move(options));
    if (!http)
      return http.error();
    made->http_ = std::move(*http);
    made->base_ = std::move(url);
    made->policy_ = {{*where}, true, true};
    if (!token.empty())
      made->present(token);
    return made;
  }

  /// From now on calls are made with tokens of a login, for which the first one asks.
  void log_in(login_request what) {
    what.server = base_;
    login_world world;
    world.send = [this](provider_call call) { return send_login(std::move(call)); };
    world.wait = [this](std::chrono::seconds time) { return pause(time); };
    world.tell = [](const std::string& lines) { std::fprintf(stderr, "%s\n", lines.c_str()); };
    world.now = [] { return std::chrono::steady_clock::now(); };
    login_.emplace(std::move(what), std::move(world));
  }

  /// The JSON that a 2xx answers.
  result<json::value> call(std::string method, std::string_view path,
                           const json::object* body = nullptr) {
    if (auto ok = see_to_token(); !ok)
      return ok.error();
    auto reply = send(prepare(std::move(method), path, body));
    if (!reply)
      return reply.error();
    if (reply->status >= 300)
      return refusal(reply->status, reply->body);
    return parse_json(reply->body.empty() ? "null" : reply->body);
  }

  /// Gives the bytes of the answer to `take` as they come. `on_ctrl_c` is called at the first
  /// Ctrl-C and may name a path to post to; empty: not yet. The second ends it.
  result<void> stream(std::string_view path, const json::object& body, const bytes_handler& take,
                      const std::function<std::string()>& on_ctrl_c) {
    if (auto ok = see_to_token(); !ok)
      return ok;
    auto request = prepare("POST", path, &body);
    request.call.stream = true;
    request.call.timeout = std::chrono::minutes(10); // servers send a sign of life sooner
    on_ctrl_c_ = on_ctrl_c;
    cancelled_ = false;
    auto opened = send(std::move(request));
    auto done = opened ? read_all(*opened, take) : result<void>{opened.error()};
    on_ctrl_c_ = nullptr;
    return done;
  }

private:
  chat_server() : work_(io_.get_executor()) {}

  static constexpr auto whole_day = std::chrono::hours(24);

  void present(std::string_view token) {
    wiped_string field{"Bearer "};
    field.append(token);
    credential_ = admission::authorization_field(std::move(field));
  }

  result<void> see_to_token() {
    if (!login_)
      return {};
    auto fresh = login_->ensure();
    if (!fresh)
      return fresh.error();
    if (*fresh)
      present(login_->access_token().expose());
    return {};
  }

  result<login_reply> send_login(provider_call call) {
    auto request = admission::to_wire(std::move(call));
    if (!request)
      return fail(errc::invalid_argument, "the address of the issuer is malformed");
    auto body = std::make_shared<wiped_string>();
    request->secret_reply = body;
    request->call.timeout = std::chrono::seconds(30);
    auto reply = send(std::move(*request));
    if (!reply)
      return reply.error();
    return login_reply{reply->status, std::move(body)};
  }

  // False after a Ctrl-C.
  bool pause(std::chrono::seconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (ctrl_c == 0 && std::chrono::steady_clock::now() < end)
      io_.run_one_for(std::chrono::milliseconds(100));
    return ctrl_c == 0;
  }

  wire_request prepare(std::string method, std::string_view path, const json::object* body) {
    wire_request request;
    request.call.service = "server";
    request.call.method = std::move(method);
    request.call.url = base_ + std::string(path);
    if (body) {
      request.call.headers = {{"Content-Type", "application/json"}};
      request.call.body = dump(*body);
    }
    request.policy = policy_;
    request.credential = credential_;
    return request;
  }

  result<outbound_reply> send(wire_request request) {
    std::optional<result<outbound_reply>> reply;
    auto id = http_->start(std::move(request), std::chrono::steady_clock::now() + whole_day,
                           [&](result<outbound_reply> r) { reply = std::move(r); });
    wait(reply, id);
    return std::move(*reply);
  }

  // The stream tells how it ended. The token may have ended since that began.
  void cancel_run(const std::string& path) {
    if (auto ok = see_to_token(); !ok)
      return told_not_cancelled(ok.error().message);
    http_->start(
      prepare("POST", path, nullptr), std::chrono::steady_clock::now() + std::chrono::seconds(10),
      [](const result<outbound_reply>& reply) {
        if (!reply || reply->status >= 300)
          told_not_cancelled(reply ? "the server answered " + std::to_string(reply->status)
                                   : reply.error().message);
      });
  }

  static void told_not_cancelled(const std::string& why) {
    std::fprintf(stderr, "behalf: the run could not be cancelled: %s\n", why.c_str());
  }

  // Until it has a value. Ctrl-C makes that an error.
  template <class Reply>
  void wait(std::optional<Reply>& reply, uint64_t id) {
    while (!reply) {
      io_.run_one_for(std::chrono::milliseconds(100));
      if (ctrl_c == 0)
        continue;
      const auto path = on_ctrl_c_ ? on_ctrl_c_() : std::string();
      if (!on_ctrl_c_ || ctrl_c > 1)
        http_->cancel(id);
      else if (!path.empty() && !std::exchange(cancelled_, true))
        cancel_run(path);
    }
  }

  result<void> read_all(const outbound_reply& head, const bytes_handler& take) {
    std::string refused;
    for (bool last = head.stream_id == 0; !last;) {
      std::optional<result<outbound_chunk>> chunk;
      http_->read_chunk(head.stream_id, std::chrono::steady_clock::now() + whole_day,
                        [&](result<outbound_chunk> c) { chunk = std::move(c); });
      wait(chunk, head.stream_id);
      if (!*chunk)
        return chunk->error();
      last = (*chunk)->last;
      if (head.status >= 300) {
        refused += (*chunk)->bytes.substr(0, longest_refusal - refused.size());
      } else if (auto ok = take((*chunk)->bytes); !ok) {
        http_->cancel(head.stream_id);
        return ok;
      }
    }
    if (head.status >= 300)
      return refusal(head.status, refused);
    return {};
  }

  error refusal(unsigned status, const std::string& body) {
    auto parsed = parse_json(body);
    const auto* detail = parsed ? member(*parsed, "detail") : nullptr;
    std::string why = !detail               ? std::string()
                      : detail->is_string() ? ": " + std::string(detail->get_string())
                                            : ": " + dump(*detail);
    why = "the server answered " + std::to_string(status) + std::string(cut_utf8(why, 1000));
    if (status == 401 && login_) // revoked, or this machine slept: the next call gets another one
      login_->expire();
    if (status == 401)
      why += "; --user, --login or --token says who asks";
    return fail(status == 401 || status == 403 ? errc::denied : errc::bad_request, why);
  }

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::unique_ptr<client> http_;
  std::string base_;
  endpoint_policy policy_;
  std::shared_ptr<const credential_writer> credential_;
  std::optional<device_login> login_;
  std::function<std::string()> on_ctrl_c_;
  bool cancelled_ = false;
};

/// Standard input, line by line.
class line_reader {
public:
  /// nullopt: there is no more, or Ctrl-C.
  std::optional<std::string> next() {
    for (;;) {
      if (auto end = held_.find('\n'); end != held_.npos) {
        auto line = held_.substr(0, end);
        held_.erase(0, end + 1);
        return line;
      }
      if (ctrl_c > 0 || held_.size() > longest_line)
        return std::nullopt;
      if (!fill())
        return held_.empty() || ctrl_c > 0 ? std::nullopt : std::optional{std::exchange(held_, {})};
    }
  }

private:
  bool fill() {
    pollfd in{STDIN_FILENO, POLLIN, 0};
    if (::poll(&in, 1, 200) <= 0) // a Ctrl-C just before it is seen after it
      return true;
    char bytes[4096];
    const auto n = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (n > 0)
      held_.append(bytes, static_cast<std::size_t>(n));
    return n > 0 || (n < 0 && errno == EINTR);
  }

  std::string held_;
};

/// Where pieces are printed: each of another kind or message on a line of its own.
class chat_screen {
public:
  explicit chat_screen(std::FILE* out)
    : out_(out), styled_(::isatty(::fileno(out)) != 0 && !std::getenv("NO_COLOR")) {}

  void show(const chat_piece& piece) {
    if (piece.begins || piece.kind != last_ || piece.kind == chat_kind::tool)
      end_line();
    last_ = piece.kind;
    const bool dim = styled_ && piece.kind != chat_kind::text;
    put(dim ? "\x1b[2m" + piece.text + "\x1b[22m" : piece.text);
    at_start_ = piece.text.empty() ? at_start_ : piece.text.ends_with('\n');
  }

  void end_line() {
    if (!at_start_)
      put("\n");
    at_start_ = true;
  }

  /// Our own words, on lines of their own.
  void note(const std::string& text) {
    end_line();
    put(text + "\n");
  }

  void ask(const std::string& prompt) {
    end_line();
    put(prompt);
  }

private:
  void put(const std::string& text) {
    std::fputs(text.c_str(), out_);
    std::fflush(out_);
  }

  std::FILE* out_;
  bool styled_;
  bool at_start_ = true;
  chat_kind last_ = chat_kind::text;
};

struct run_outcome {
  std::string answer;
  std::vector<chat_question> questions;
};

std::vector<chat_question> read_questions(const json::array& interrupts) {
  std::vector<chat_question> all;
  for (const auto& one : interrupts)
    if (one.is_object())
      all.push_back(read_question(one.get_object()));
  return all;
}

// What a thread's state says is waited for.
std::vector<chat_question> open_questions(const json::object& state) {
  json::array all;
  if (const auto* tasks = member(state, "tasks"); tasks && tasks->is_array())
    for (const auto& task : tasks->get_array())
      if (const auto* asked = member(task, "interrupts"); asked && asked->is_array())
        all.insert(all.end(), asked->get_array().begin(), asked->get_array().end());
  return read_questions(all);
}

class chat {
public:
  chat(const chat_command& given, chat_server& server)
    : given_(given), server_(server), once_(given.once.has_value()),
      screen_(once_ ? stderr : stdout) {}

  int run() {
    if (once_ && is_blank(*given_.once))
      return say(fail(errc::invalid_argument, "--once: the question is empty"), exit_usage);
    if (auto ok = begin(); !ok)
      return say(ok.error(), exit_of(ok.error()));
    return once_ ? answer_once() : talk();
  }

private:
  result<void> begin() {
    agent_ = given_.agent;
    if (auto ok = given_.thread.empty() ? open_thread() : take_up(); !ok)
      return ok;
    return agent_.empty() ? find_agent() : result<void>{};
  }

  // Before a thread is made, so that none is left for nothing.
  result<void> open_thread() {
    if (agent_.empty())
      if (auto ok = find_agent(); !ok)
        return ok;
    const json::object body;
    auto made = server_.call("POST", "/threads", &body);
    if (!made)
      return made.error();
    const auto* o = made->if_object();
    thread_ = o ? string_or(*o, "thread_id") : "";
    if (thread_.empty())
      return fail(errc::bad_request, "the server made no thread: it speaks another API");
    if (!once_)
      screen_.note("Thread " + glance(thread_) + ". Ctrl-C stops an answer, Ctrl-D ends.");
    return {};
  }

  // The thread that was named: its last messages, and what it waits for.
  result<void> take_up() {
    thread_ = given_.thread;
    auto about = server_.call("GET", thread_path());
    if (!about)
      return about.error();
    auto state = server_.call("GET", thread_path() + "/state");
    if (!state)
      return state.error();
    if (const auto* o = about->if_object(); o && agent_.empty())
      agent_ = string_or(object_or_empty(*o, "metadata"), "assistant_id");
    if (const auto* o = state->if_object()) {
      if (!once_)
        show_last(object_or_empty(*o, "values"));
      questions_ = open_questions(*o);
    }
    return {};
  }

  void show_last(const json::object& values) {
    const auto* messages = member(values, "messages");
    const auto* all = messages ? messages->if_array() : nullptr;
    if (!all)
      return;
    const auto skipped = all->size() - std::min(all->size(), messages_shown);
    for (auto i = skipped; i < all->size(); ++i) {
      const auto* message = (*all)[i].if_object();
      if (!message)
        continue;
      if (string_or(*message, "type") == "human")
        screen_.note("> " + printable(words_of(*message)));
      for (const auto& piece : pieces_of(*message))
        screen_.show(piece);
    }
  }

  result<void> find_agent() {
    const json::object body{{"limit", 100}};
    auto found = server_.call("POST", "/assistants/search", &body);
    if (!found)
      return found.error();
    const auto* all = found->if_array();
    std::string names, own; // own: that of a graph itself, which nobody made
    std::set<std::string> graphs;
    for (const auto& one : all ? *all : json::array{})
      if (const auto* o = one.if_object()) {
        agent_ = string_or(*o, "assistant_id");
        const std::string graph(string_or(*o, "graph_id"));
        const bool made = string_or(object_or_empty(*o, "metadata"), "created_by") != "system";
        if (!made)
          own = agent_;
        graphs.insert(graph);
        names += (names.empty() ? "" : ", ") + (made ? agent_ : graph);
        if (made)
          names += " (" + std::string(string_or(*o, "name")) + ", of " + graph + ")";
      }
    if (all && all->size() > 1)
      agent_ = graphs.size() == 1 ? own : std::string{};
    if (!agent_.empty())
      return {};
    return fail(errc::invalid_argument, names.empty()
                                          ? "the server has no assistant that you may use"
                                          : "--agent is needed; there are: " + names);
  }

  int answer_once() {
    if (!questions_.empty())
      return say_waiting();
    auto done = go_on(human(valid_utf8(*given_.once)));
    if (!done)
      return say(done.error(), exit_of(done.error()));
    if (!done->questions.empty()) {
      questions_ = std::move(done->questions);
      return say_waiting();
    }
    if (done->answer.empty())
      return say(fail(errc::bad_request, "the assistant answered nothing that is a message"));
    std::printf("%s\n", printable(done->answer).c_str());
    return std::fflush(stdout) == 0 ? exit_ok : exit_failed;
  }

  int talk() {
    for (;;) {
      ctrl_c = 0;
      std::optional<json::object> body;
      if (!questions_.empty())
        body = ask();
      else
        body = read_message();
      if (!body)
        break;
      auto done = go_on(std::move(*body));
      if (!done) {
        screen_.end_line();
        say(done.error());
        if (ctrl_c > 1)
          return exit_failed;
        ask_what_is_open(); // what was answered may be, when the answer was refused
        continue;
      }
      questions_ = std::move(done->questions);
    }
    screen_.end_line();
    return questions_.empty() ? exit_ok : say_waiting();
  }

  void ask_what_is_open() {
    ctrl_c = 0;
    auto state = server_.call("GET", thread_path() + "/state");
    if (const auto* o = state ? state->if_object() : nullptr)
      questions_ = open_questions(*o);
  }

  // A line after this prompt. Where no terminal shows that it was ended, we do.
  std::optional<std::string> read_line(const std::string& prompt) {
    screen_.ask(prompt);
    auto line = lines_.next();
    if (!line || ::isatty(STDIN_FILENO) == 0)
      screen_.note("");
    return line ? std::optional{valid_utf8(std::move(*line))} : std::nullopt;
  }

  std::optional<json::object> read_message() {
    auto line = read_line("> ");
    while (line && is_blank(*line))
      line = read_line("> ");
    return line ? std::optional{human(*line)} : std::nullopt;
  }

  static json::object human(std::string_view text) {
    json::object message{{"role", "user"}, {"content", text}};
    return {{"input", {{"messages", json::array{std::move(message)}}}}};
  }

  // The answers of the person to all that the run waits for; nullopt when there is no more input.
  std::optional<json::object> ask() {
    json::array values;
    for (const auto& one : questions_) {
      auto value = one.actions.empty() ? ask_anything(one) : ask_approvals(one);
      if (!value)
        return std::nullopt;
      values.push_back(std::move(*value));
    }
    json::object command{{"resume", resume_all(questions_, std::move(values))}};
    return json::object{{"command", std::move(command)}};
  }

  std::optional<json::value> ask_anything(const chat_question& question) {
    screen_.note("The assistant asks: "
                 + (question.value.is_string() ? printable(question.value.get_string())
                                               : printable_json(question.value)));
    auto line = read_line("answer (JSON or text): ");
    return line ? std::optional{read_answer(*line)} : std::nullopt;
  }

  std::optional<json::value> ask_approvals(const chat_question& question) {
    json::array decisions;
    for (const auto& action : question.actions) {
      screen_.ask(show_action(action));
      for (bool decided = false; !decided;) {
        auto line = read_line(choices(action) + "? ");
        if (!line)
          return std::nullopt;
        auto decision = read_decision(*line, action, question.answer_form);
        decided = decision.has_value();
        if (decided)
          decisions.push_back(std::move(*decision));
        else
          screen_.note(decision.error().message);
      }
    }
    return resume_of(question, std::move(decisions));
  }

  // One run on the thread, shown while it goes.
  result<run_outcome> go_on(json::object body) {
    body["assistant_id"] = agent_;
    body["stream_mode"] = {"messages-tuple", "updates", "custom"};
    chat_reader reader;
    event_stream events;
    std::size_t pending = 0;
    auto take = [&](std::string_view bytes) -> result<void> {
      auto whole = events.feed(bytes);
      pending = whole.empty() ? pending + bytes.size() : bytes.size();
      for (const auto& event : whole)
        show(reader.read(event));
      if (pending > longest_event)
        return fail(errc::too_large, "the server sent an event that does not end");
      return {};
    };
    auto cancel_path = [&]() -> std::string {
      return reader.run_id().empty()
               ? std::string()
               : thread_path() + "/runs/" + percent_encode(reader.run_id()) + "/cancel";
    };
    auto done = server_.stream(thread_path() + "/runs/stream", body, take, cancel_path);
    show(reader.finish());
    screen_.end_line();
    if (ctrl_c > 0)
      return fail(errc::bad_request, "stopped by Ctrl-C");
    if (!done)
      return done.error();
    if (!reader.failure().empty())
      return fail(errc::bad_request, reader.failure());
    return run_outcome{reader.answer(), read_questions(reader.interrupts())};
  }

  // Of a single answer the rest is progress, which goes elsewhere.
  void show(const std::vector<chat_piece>& pieces) {
    for (const auto& piece : pieces)
      if (!once_ || piece.kind != chat_kind::text)
        screen_.show(piece);
  }

  int say_waiting() const {
    auto command = "behalf chat --url " + given_.url;
    if (!given_.user.empty())
      command += " --user " + given_.user;
    if (!given_.client.empty())
      command += " --login " + given_.client;
    if (!given_.issuer.empty())
      command += " --issuer " + given_.issuer;
    if (given_.scope != chat_command{}.scope)
      command += " --scope '" + given_.scope + "'";
    return say(fail(errc::conflict, "the thread waits for " + in_short(questions_.front())
                                      + "; to go on: " + command + " --thread " + glance(thread_)),
               exit_waiting);
  }

  std::string thread_path() const { return "/threads/" + percent_encode(thread_); }

  const chat_command& given_;
  chat_server& server_;
  const bool once_;
  chat_screen screen_;
  line_reader lines_;
  std::string agent_, thread_;
  std::vector<chat_question> questions_;
};

// The token that was given, or the one that a user and password get.
result<std::string> token_for(const chat_command& given) {
  if (!given.client.empty())
    return std::string();
  if (!given.user.empty())
    return development_token(
      {given.url, given.user, given.password.empty() ? given.user : given.password});
  if (!given.token.empty())
    return given.token;
  const char* set = std::getenv("BEHALF_TOKEN");
  return std::string(set ? set : "");
}

} // namespace

int run_chat(const chat_command& given) {
  harden_process();
  auto token = token_for(given);
  if (!token)
    return say(token.error(), exit_of(token.error()));
  auto server = chat_server::connect(given.url, *token);
  wipe(token->data(), token->size());
  if (!server)
    return say(server.error(), exit_of(server.error()));
  if (!given.client.empty())
    (*server)->log_in({{}, given.issuer, given.client, given.scope});
  catch_ctrl_c();
  return chat{given, **server}.run();
}

} // namespace behalf
