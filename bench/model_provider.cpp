// A model provider that costs little beside what is measured: OpenAI's Chat Completions, streamed,
// and an MCP server with one tool, `lookup`. One thread.
//   model_provider <port>
// The model's name says how it answers: "wait_20-rate_50-tokens_200" begins after 20 ms and sends
// 200 tokens ("tok "), 50 a second; a rate of 0 is all at once. With "-tools" it calls the first
// tool offered until the conversation ends with a tool's result. A client that does not read gets
// what it missed together, later.
#include "must.hpp"
#include "runtime/base/json.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using behalf::json::object;
using boost::system::error_code;
using ticks = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t most_bytes_at_once = 64 << 10;

std::string chunked(std::string_view body) {
  char size[20];
  const auto end = std::to_chars(size, size + sizeof size, body.size(), 16).ptr;
  return std::string(size, end) + "\r\n" + std::string(body) + "\r\n";
}

// One event of a stream, in a chunk of its own.
std::string event(object delta, const char* reason = nullptr) {
  object choice{{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", nullptr}};
  if (reason)
    choice["finish_reason"] = reason;
  object all{{"id", "chatcmpl-1"}, {"object", "chat.completion.chunk"},
             {"created", 1},       {"model", "scripted"},
             {"choices", {}},      {"usage", nullptr}};
  all["choices"].emplace_array().push_back(std::move(choice));
  return chunked("data: " + behalf::dump(all) + "\n\n");
}

std::string ending(const char* reason, int64_t tokens) {
  object usage{{"prompt_tokens", 10}, {"completion_tokens", tokens}, {"total_tokens", tokens + 10}};
  object all{
    {"id", "chatcmpl-1"},  {"object", "chat.completion.chunk"}, {"created", 1},
    {"model", "scripted"}, {"choices", behalf::json::array{}},  {"usage", std::move(usage)}};
  return event({}, reason) + chunked("data: " + behalf::dump(all) + "\n\n")
         + chunked("data: [DONE]\n\n") + "0\r\n\r\n";
}

const std::string token = event({{"content", "tok "}});
const std::string many_tokens = [] {
  std::string all;
  while (all.size() < most_bytes_at_once)
    all += token;
  return all;
}();

int64_t number_after(std::string_view text, std::string_view name, int64_t otherwise) {
  const auto at = text.find(name);
  if (at == text.npos)
    return otherwise;
  const auto from = text.substr(at + name.size());
  std::from_chars(from.data(), from.data() + from.size(), otherwise);
  return otherwise;
}

std::string whole(std::string_view type, std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type)
         + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

class connection;
using connection_ptr = std::shared_ptr<connection>;

// When whose next tokens are due. One timer for all of them.
class pacer {
public:
  explicit pacer(asio::io_context& io) : timer_(io) {}
  void at(ticks::time_point when, connection_ptr who) {
    due_.emplace(when, std::move(who));
    if (!std::exchange(set_, true))
      wait();
  }

private:
  using entry = std::pair<ticks::time_point, connection_ptr>;

  void wait() {
    timer_.expires_after(milliseconds{1});
    timer_.async_wait([this](error_code) { run(); });
  }
  void run();

  std::priority_queue<entry, std::vector<entry>, std::greater<>> due_;
  asio::steady_timer timer_;
  bool set_ = false;
};

class connection : public std::enable_shared_from_this<connection> {
public:
  connection(tcp::socket socket, pacer& times) : socket_(std::move(socket)), pacer_(times) {
    socket_.non_blocking(true);
    socket_.set_option(tcp::no_delay{true});
  }

  void read() {
    auto more = asio::buffer(in_, sizeof in_);
    socket_.async_read_some(more, [self = shared_from_this()](error_code ec, std::size_t n) {
      if (ec)
        return;
      self->request_.append(self->in_, n);
      self->take();
    });
  }

  // Sends what is due, and comes again when more is.
  void send() {
    if (!flush())
      return pacer_.at(ticks::now() + milliseconds{1}, shared_from_this());
    const auto since = ticks::now() - first_at_;
    if (since < ticks::duration{})
      return pacer_.at(first_at_, shared_from_this());
    auto due = tokens_;
    if (rate_ > 0)
      due =
        std::min<int64_t>(tokens_, 1 + since / std::chrono::microseconds{1} * rate_ / 1'000'000);
    const auto most = static_cast<int64_t>(many_tokens.size() / token.size());
    const auto now = std::min(due - sent_, most);
    sent_ += now;
    rest_ = many_tokens.substr(0, static_cast<std::size_t>(now) * token.size());
    if (sent_ == tokens_)
      rest_ += std::exchange(end_, {});
    if (!flush() || sent_ < tokens_)
      return pacer_.at(next(), shared_from_this());
    if (request_.empty())
      return read();
    take();
  }

private:
  ticks::time_point next() const {
    const auto soon = ticks::now() + milliseconds{1};
    if (rate_ == 0 || sent_ >= tokens_)
      return soon;
    return std::max(soon, first_at_ + std::chrono::microseconds{sent_ * 1'000'000 / rate_});
  }

  // Whether all of it went.
  bool flush() {
    while (!rest_.empty()) {
      error_code ec;
      const auto n = socket_.write_some(asio::buffer(rest_), ec);
      if (ec == asio::error::would_block)
        return false;
      if (ec) { // the client left
        sent_ = tokens_;
        rest_.clear();
        return true;
      }
      rest_.erase(0, n);
    }
    return true;
  }

  void take() {
    const auto head = request_.find("\r\n\r\n");
    if (head == request_.npos)
      return read();
    std::string_view fields(request_.data(), head);
    auto length =
      number_after(fields, "ontent-Length: ", number_after(fields, "ontent-length: ", 0));
    const auto size = head + 4 + static_cast<std::size_t>(length);
    if (request_.size() < size)
      return read();
    const bool mcp = fields.find(" /mcp") != fields.npos;
    const auto body = std::string(request_, head + 4, static_cast<std::size_t>(length));
    request_.erase(0, size);
    mcp ? answer_rpc(body) : answer_chat(body);
    send();
  }

  void answer_chat(std::string_view body) {
    const auto model = body.substr(body.find("\"model\""));
    const auto name = model.substr(0, model.find(','));
    rest_ =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    rest_ += event({{"role", "assistant"}, {"content", ""}});
    first_at_ = ticks::now() + milliseconds{number_after(name, "wait_", 0)};
    rate_ = number_after(name, "rate_", 0);
    tokens_ = number_after(name, "tokens_", 1);
    sent_ = 0;
    end_ = ending("stop", tokens_);
    if (name.find("-tools") == name.npos || ends_with_result(body))
      return;
    tokens_ = 0;
    object function{{"name", "lookup"}, {"arguments", R"({"q": "x"})"}};
    object call{{"index", 0},
                {"id", "call_" + std::to_string(++calls_)},
                {"type", "function"},
                {"function", std::move(function)}};
    object delta{{"tool_calls", {}}};
    delta["tool_calls"].emplace_array().push_back(std::move(call));
    end_ = event(std::move(delta)) + ending("tool_calls", 10);
  }

  static bool ends_with_result(std::string_view body) {
    const auto all = behalf::must(behalf::parse_json(body));
    const auto& messages = all.at("messages").as_array();
    return !messages.empty() && messages.back().at("role") == "tool";
  }

  void answer_rpc(std::string_view body) {
    tokens_ = sent_ = 0;
    first_at_ = ticks::now();
    end_.clear();
    const auto asked = behalf::must(behalf::parse_json(body.empty() ? "{}" : body));
    const auto& call = asked.as_object();
    if (!call.contains("id")) {
      rest_ = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
      return;
    }
    const auto method = behalf::string_or(call, "method");
    const char* result =
      method == "initialize" ? R"({"protocolVersion":"2025-06-18","capabilities":{"tools":{}},)"
                               R"("serverInfo":{"name":"bench","version":"1"}})"
      : method == "tools/list"
        ? R"({"tools":[{"name":"lookup","description":"Looks something up.","inputSchema":)"
          R"({"type":"object","properties":{"q":{"type":"string"}},"required":["q"]}}]})"
        : R"({"content":[{"type":"text","text":"found it"}]})";
    rest_ = whole("application/json", R"({"jsonrpc":"2.0","id":)" + behalf::dump(call.at("id"))
                                        + R"(,"result":)" + result + '}');
  }

  tcp::socket socket_;
  pacer& pacer_;
  char in_[8192];
  std::string request_, rest_, end_;
  ticks::time_point first_at_;
  int64_t rate_ = 0, tokens_ = 0, sent_ = 0;
  static inline int64_t calls_ = 0;
};

void pacer::run() {
  while (!due_.empty() && due_.top().first <= ticks::now()) {
    auto who = due_.top().second;
    due_.pop();
    who->send();
  }
  set_ = !due_.empty();
  if (set_)
    wait();
}

void accept(tcp::acceptor& door, pacer& times) {
  door.async_accept([&](error_code ec, tcp::socket peer) {
    if (!ec)
      std::make_shared<connection>(std::move(peer), times)->read();
    if (ec != asio::error::operation_aborted)
      accept(door, times);
  });
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: model_provider <port>\n", stderr);
    return 2;
  }
  asio::io_context io{1};
  asio::signal_set signals{io, SIGINT, SIGTERM};
  signals.async_wait([&](auto, int) { io.stop(); });
  tcp::acceptor door{
    io, {asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(std::atoi(argv[1]))}};
  door.listen(4096);
  std::printf("%d\n", door.local_endpoint().port());
  std::fflush(stdout);
  pacer times{io};
  accept(door, times);
  io.run();
  return 0;
}
