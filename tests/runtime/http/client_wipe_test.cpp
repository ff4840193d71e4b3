// After a call, no byte sequence of the credential is left anywhere in this process's memory:
// not in request heads, TLS records, read buffers, parsers, nor in freed heap.
#include "tests/support/client_fixture.hpp"

#include <openssl/rand.h>

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/wait.h>

using namespace behalf;
using namespace behalf::testing;

namespace {

// A token whose bytes this process holds masked only.
class masked_token {
public:
  masked_token() { RAND_bytes(masked_, sizeof masked_); }

  static constexpr std::size_t size = 32;
  char operator[](std::size_t i) const { return 'A' + (masked_[i] & 15); }
  void write(wiped_string& out) const {
    for (std::size_t i = 0; i < size; ++i)
      out.push_back((*this)[i]);
  }

private:
  unsigned char masked_[size];
};

// How often the token's bytes stand in one region, read through a buffer so that the memory
// that is searched may be any.
std::size_t occurrences(const masked_token& token, int mem, uint64_t begin, uint64_t end) {
  constexpr std::size_t step = 1 << 20;
  static wiped_string buffer;
  buffer.resize(step + token.size - 1);
  std::size_t found = 0;
  for (uint64_t at = begin; at < end; at += step) {
    auto wanted = std::min<uint64_t>(buffer.size(), end - at);
    auto got = ::pread(mem, buffer.data(), wanted, static_cast<off_t>(at));
    if (got < static_cast<ssize_t>(token.size))
      continue;
    const char* last = buffer.data() + got - token.size;
    for (const char* p = buffer.data(); p <= last; ++p) {
      p = static_cast<const char*>(std::memchr(p, token[0], last - p + 1));
      if (!p)
        break;
      std::size_t same = 1;
      while (same < token.size && p[same] == token[same])
        ++same;
      found += same == token.size;
    }
  }
  buffer.clear();
  return found;
}

// Searches all writable memory of this process.
std::size_t occurrences(const masked_token& token) {
  std::ifstream maps{"/proc/self/maps"};
  int mem = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  REQUIRE(mem >= 0);
  std::size_t found = 0;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields{line};
    std::string range, rights;
    fields >> range >> rights;
    auto dash = range.find('-');
    auto begin = std::stoull(range.substr(0, dash), nullptr, 16);
    auto end = std::stoull(range.substr(dash + 1), nullptr, 16);
    if (rights.starts_with("rw") && end - begin < (1ull << 30)) // not a sanitizer's shadow
      found += occurrences(token, mem, begin, end);
  }
  ::close(mem);
  return found;
}

class masked_writer : public credential_writer {
public:
  explicit masked_writer(const masked_token& token) : token_(token) {}
  void write_head(wiped_string& head) const override {
    head.append("Authorization: Bearer ");
    token_.write(head);
    head.append("\r\n");
  }
  std::unique_ptr<reply_scrubber> scrubber() const override {
    wiped_string value;
    token_.write(value);
    return make_scrubber(value.view());
  }

private:
  masked_token token_;
};

// Servers in a process of their own: their memory is not ours. One says every request back, in a
// header and in the body; the other does so over TLS.
class echo_process {
public:
  explicit echo_process(const identity& tls) {
    int ports[2], life[2];
    REQUIRE(::pipe2(ports, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(life, O_CLOEXEC) == 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::close(life[1]);
      serve(tls, ports[1], life[0]);
    }
    ::close(ports[1]);
    ::close(life[0]);
    life_ = life[1];
    REQUIRE(::read(ports[0], port, sizeof port) == sizeof port);
    ::close(ports[0]);
  }
  ~echo_process() {
    ::close(life_);
    ::waitpid(child_, nullptr, 0);
  }

  uint16_t port[2] = {}; // plain, TLS

private:
  [[noreturn]] static void serve(const identity& tls, int ports, int life) {
    auto echo = [](peer& p) {
      while (auto request = p.request()) {
        auto at = request->find("Bearer ");
        auto token = request->substr(at + 7, masked_token::size);
        p.reply(*request + std::string(40'000, '.') + token, "X-You: " + token + "\r\n");
      }
    };
    raw_server plain{echo}, secure{echo, &tls};
    uint16_t numbers[2] = {plain.port(), secure.port()};
    char byte;
    if (::write(ports, numbers, sizeof numbers) == sizeof numbers)
      while (::read(life, &byte, 1) > 0) {
      }
    ::_exit(0);
  }

  pid_t child_ = 0;
  int life_ = -1;
};

} // namespace

TEST_CASE("a call leaves no trace of its credential in memory", "[client][wipe]") {
  masked_token token;
  auto authority = make_identity("test authority");
  auto leaf = make_identity("x", &authority, "IP:127.0.0.1");
  auto file = std::filesystem::temp_directory_path()
              / ("behalf-ca-wipe-" + std::to_string(::getpid()) + ".pem");
  write_pem(authority, file.string());
  echo_process servers{leaf};
  client_options options;
  options.ca_file = file.string();
  client_fixture f{options};
  std::filesystem::remove(file);
  {
    wiped_string there;
    token.write(there);
    CHECK(occurrences(token) > 0); // the search finds what is there
  }
  CHECK(occurrences(token) == 0);
  bool secure = GENERATE(false, true), stream = GENERATE(false, true);
  CAPTURE(secure, stream);
  auto request = f.to((secure ? "https" : "http") + std::string{"://127.0.0.1:"}
                      + std::to_string(servers.port[secure]) + "/");
  request.credential = std::make_shared<masked_writer>(token);
  request.call.stream = stream;
  auto reply = f.send(std::move(request));
  REQUIRE(reply);
  CHECK(*find_header(reply->headers, "x-you") == "[redacted]");
  std::string body = reply->body;
  for (bool last = !stream; !last;) {
    auto next = f.pull(reply->stream_id);
    REQUIRE(next);
    body += next->bytes;
    last = next->last;
  }
  CHECK(body.find("Bearer [redacted]") != std::string::npos);
  CHECK(body.ends_with("[redacted]"));
  CHECK(f.door->figures().idle == 1); // also while its connection is kept
  REQUIRE(reply->scrub);              // it knows the forms, for what is decoded later
  reply->scrub.reset();
  CHECK(occurrences(token) == 0);
}
