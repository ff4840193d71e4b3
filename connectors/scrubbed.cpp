#include "connectors/scrubbed.hpp"

#include "runtime/base/scrub.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace behalf {
namespace {

class scrubbed final : public connector {
public:
  explicit scrubbed(std::unique_ptr<connector> inner) : inner_(std::move(inner)) {}

  step start() override { return clean(inner_->start()); }
  step resume(result<outbound_reply> reply) override {
    if (reply)
      remember(std::exchange(reply->scrub, nullptr));
    return clean(inner_->resume(std::move(reply)));
  }
  step resume_chunk(result<outbound_chunk> chunk) override {
    return clean(inner_->resume_chunk(std::move(chunk)));
  }
  step proceed() override { return clean(inner_->proceed()); }
  std::optional<outbound_call> cancellation() const override { return inner_->cancellation(); }

private:
  // Calls of one machine share a credential, unless it was fetched anew in between.
  void remember(std::shared_ptr<const text_scrubber> scrub) {
    if (scrub && std::find(known_.begin(), known_.end(), scrub) == known_.end())
      known_.push_back(std::move(scrub));
  }

  step clean(step next) const {
    if (auto* said = std::get_if<emit>(&next)) {
      json::value all = std::move(said->what);
      for (const auto& one : known_)
        scrub(all, *one);
      said->what = std::move(all.get_object());
    }
    if (auto* end = std::get_if<done>(&next))
      for (const auto& one : known_) {
        if (end->reply) {
          scrub(end->reply->headers, *one);
          scrub(end->reply->body, *one);
          if (end->reply->stream_id != 0)
            end->reply->scrub = one;
        } else {
          auto why = end->reply.error();
          scrub(why, *one);
          end->reply = std::move(why);
        }
      }
    return next;
  }

  std::unique_ptr<connector> inner_;
  std::vector<std::shared_ptr<const text_scrubber>> known_;
};

} // namespace

std::unique_ptr<connector> scrub_replies_of(std::unique_ptr<connector> inner) {
  return std::make_unique<scrubbed>(std::move(inner));
}

} // namespace behalf
