#include "connectors/embeddings.hpp"

#include "runtime/base/json.hpp"

#include <algorithm>
#include <cmath>

namespace behalf {
namespace {

error unusable(std::string_view why) {
  return fail(errc::upstream, "the embeddings endpoint " + std::string(why));
}

// Of length 1, so that the cosine of two is their product. Nothing but zeros stays so.
void normalise(embedding& v) {
  double sum = 0;
  for (auto x : v)
    sum += static_cast<double>(x) * x;
  if (sum > 0)
    for (auto& x : v)
      x = static_cast<float>(x / std::sqrt(sum));
}

std::optional<embedding> numbers_of(const json::value* list, std::size_t dims) {
  if (!list || !list->is_array() || list->get_array().size() != dims)
    return {};
  embedding v;
  v.reserve(dims);
  for (const auto& x : list->get_array()) {
    if (!x.is_number())
      return {};
    v.push_back(static_cast<float>(x.to_number<double>()));
    if (!std::isfinite(v.back()))
      return {};
  }
  normalise(v);
  return v;
}

} // namespace

outbound_call embeddings_call(const service_options& service, sealed_handle handle,
                              const std::string& model, const std::vector<std::string>& texts) {
  outbound_call call;
  call.service = service.name;
  call.method = "POST";
  call.url = service.url;
  while (call.url.ends_with('/'))
    call.url.pop_back();
  call.url += "/embeddings";
  call.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
  call.body = dump(json::object{{"model", model}, {"input", json::value_from(texts)}});
  call.handle = std::move(handle);
  call.timeout = service.timeout;
  return call;
}

result<std::vector<embedding>> read_embeddings(const outbound_reply& reply, std::size_t count,
                                               std::size_t dims) {
  if (reply.status == 400 || reply.status == 413 || reply.status == 422)
    return fail(errc::invalid_argument,
                "the embeddings endpoint refuses this text (" + std::to_string(reply.status) + ")");
  if (reply.status == 429 || reply.status == 503) {
    auto later = retry_after(reply.headers).value_or(std::chrono::seconds{1});
    return fail(errc::overloaded,
                "the embeddings endpoint is busy (" + std::to_string(reply.status) + ")",
                "Retry-After", std::to_string(later.count()));
  }
  if (reply.status != 200)
    return unusable("answered " + std::to_string(reply.status));
  auto body = parse_json(reply.body);
  const auto* data = body && body->is_object() ? member(body->get_object(), "data") : nullptr;
  if (!data || !data->is_array() || data->get_array().size() != count)
    return unusable("answered something else than a vector for each text");
  std::vector<embedding> all(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& one = data->get_array()[i];
    if (!one.is_object())
      return unusable("answered something else than a vector for each text");
    const auto* index = member(one.get_object(), "index");
    const auto place = index && index->is_int64() ? index->get_int64() : static_cast<int64_t>(i);
    auto v = numbers_of(member(one.get_object(), "embedding"), dims);
    if (!v || place < 0 || place >= static_cast<int64_t>(count))
      return unusable("answered a vector that is not " + std::to_string(dims)
                      + " numbers, as store.index.dims says");
    all[static_cast<std::size_t>(place)] = std::move(*v);
  }
  if (std::any_of(all.begin(), all.end(), [](const embedding& v) { return v.empty(); }))
    return unusable("answered two vectors for one text");
  return all;
}

std::optional<std::chrono::seconds> retry_after(const header_list& headers) {
  constexpr std::chrono::seconds most{600};
  const auto* given = find_header(headers, "Retry-After");
  if (!given || given->empty() || given->size() > 9
      || given->find_first_not_of("0123456789") != given->npos)
    return {};
  return std::min(most, std::chrono::seconds{std::stoll(*given)});
}

} // namespace behalf
