// What credentials cost a call: writing the header, finding the handle, scrubbing the reply,
// reading the embedded store. Prints one line per operation.
//
//     cmake --build build/release --target bench_inject && build/release/bench_inject
#include "secrets/inject.hpp"

#include "behalf/wiped.hpp"
#include "secrets/audit_log.hpp"
#include "secrets/embedded_store.hpp"
#include "secrets/lease_book.hpp"
#include "secrets/secret_cache.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

using namespace behalf;

namespace {

// The best of 20 batches: what else runs on the machine only ever adds.
template <class Work>
void measure(const char* name, int rounds, Work work) {
  constexpr int batches = 20;
  auto best = 1e18;
  for (int b = 0; b < batches; ++b) {
    auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds / batches; ++i)
      work();
    std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count() / (rounds / batches));
  }
  std::printf("%-46s %10.0f ns\n", name, best);
}

stored_credential_ptr token_of(std::size_t size) {
  auto c = std::make_shared<stored_credential>();
  std::string text;
  for (std::size_t i = 0; i < size; ++i)
    text += static_cast<char>('a' + i * 7 % 26);
  c->value = secret{text};
  c->username = "user";
  return c;
}

std::string repeated(std::string_view text) {
  std::string out;
  while (out.size() < 16 * 1024)
    out += text;
  out.resize(16 * 1024);
  return out;
}

// What services answer, of 16 KiB each.
std::vector<std::pair<std::string, std::string>> replies() {
  return {
    {"JSON",
     repeated(R"({"id":1296269,"node_id":"MDEwOlJlcG9zaXRvcnkxMjk2MjY5","name":"Hello-World",)"
              R"("owner":{"login":"octocat","site_admin":false,"avatar_url":)"
              R"("https://github.com/images/error/octocat_happy.gif"},"private":false,)"
              R"("description":"This your first repo!","created_at":"2011-01-26T19:01:12Z",)"
              R"("sha":"6dcb09b5b57875f334f61aebed695e2e4193db5e"},)")},
    {"prose", repeated("The quick brown fox jumps over the lazy dog, and then it goes home. ")},
    {"escaped JSON",
     repeated(R"({"subject":"Re: numbers","body":"Hello Bob,\n\nsee \"the report\" at )"
              R"(https://mail.example.com/m?id=1\u0026y=2. It is fine &amp; good.\nRegards\n"},)")},
  };
}

void injection() {
  for (auto size : {40u, 1024u}) {
    auto token = token_of(size);
    auto bearer = make_writer({}, token).value();
    auto basic = make_writer({credential_form::basic}, token).value();
    std::printf("token of %u bytes\n", size);
    wiped_string head;
    head.reserve(4096);
    measure("  write bearer header, wipe it", 200'000, [&] {
      bearer->write_head(head);
      head.clear();
    });
    measure("  the same into a new buffer", 200'000, [&] {
      wiped_string fresh;
      bearer->write_head(fresh);
    });
    measure("  write basic header, wipe it", 100'000, [&] {
      basic->write_head(head);
      head.clear();
    });
    measure("  build a writer (once per fetch)", 20'000, [&] { (void)make_writer({}, token); });
    measure("  build a scrubber (once per call)", 20'000, [&] { (void)bearer->scrubber(); });
    std::string out;
    for (const auto& [kind, reply] : replies()) {
      measure(("  scrub 16 KiB of " + kind).c_str(), 2'000, [&] {
        out.clear();
        auto s = bearer->scrubber();
        s->feed(reply, out);
        s->finish(out);
      });
      auto texts = bearer->scrubber()->for_texts();
      measure(("  the same as one decoded text, " + kind).c_str(), 2'000,
              [&] { (void)texts->scrubbed(reply); });
    }
  }
}

void warm_path() {
  const principal_key who{"acme", "https://id.example.com/realms/acme", "alice"};
  const std::string host = "https://api.example.com:443";
  auto t = now();
  lease_book book;
  sealed_handle handle;
  for (int i = 0; i < 10'000; ++i)
    handle =
      book.open({who, "run-" + std::to_string(i), "github", {host}, t + std::chrono::hours{1}}, t)
        .value();
  const lease_claim claim{who, "run-9999", "github", host};
  secret_cache cache;
  const credential_key key{who, "github"};
  cache.begin(key, 1, t);
  cache.finish(key, ready_credential{make_writer({}, token_of(1024)).value()}, t);
  wiped_string head;
  head.reserve(4096);
  measure("handle to header: lease, cache, inject", 200'000, [&] {
    auto lease = book.find(handle, claim, t);
    auto seen = cache.begin({(*lease)->who, (*lease)->service}, 1, t);
    seen.value->writer->write_head(head);
    head.clear();
  });
}

void disk(const std::string& folder) {
  auto store = embedded_store::open(folder + "/secrets.db", secret{std::string(32, 'k')}).value();
  const principal_key who{"acme", "https://id.example.com/realms/acme", "alice"};
  (void)store->put({who, "github"}, *token_of(1024), std::nullopt, now());
  measure("embedded store: read and decrypt", 20'000, [&] { (void)store->get({who, "github"}); });
  measure("embedded store: changed elsewhere?", 100'000, [&] { store->changed_elsewhere(); });
  measure("embedded store: durable write", 200, [&] {
    (void)store->put({who, "github"}, *token_of(1024), std::nullopt, now());
  });
  auto log = audit_log::open(folder + "/audit.log").value();
  audit_record line{who,     "run",  "thread", "github", "GET", "https://api.example.com:443",
                    "/user", "call", "sent"};
  measure("audit: append a line", 20'000, [&] { log.append(line, now()); });
  (void)log.flush();
  measure("audit: one line, durable", 200, [&] {
    log.append(line, now());
    (void)log.flush();
  });
  measure("audit: 64 lines, durable", 200, [&] {
    for (int i = 0; i < 64; ++i)
      log.append(line, now());
    (void)log.flush();
  });
}

} // namespace

int main() {
  injection();
  warm_path();
  auto folder = (std::filesystem::temp_directory_path() / "behalf-bench-XXXXXX").string();
  if (!mkdtemp(folder.data()))
    return 1;
  disk(folder);
  std::filesystem::remove_all(folder);
}
