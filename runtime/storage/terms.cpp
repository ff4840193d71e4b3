#include "runtime/storage/terms.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

namespace behalf {
namespace {

constexpr std::size_t max_query_terms = 8, max_alternatives = 64;
constexpr std::string_view whole_tenant = "*", in_metadata = "m", in_status = "s", in_graph = "g",
                           in_assistant = "a", in_thread = "t";

struct context_end {
  void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
};

// Looking the algorithm up by name costs more than hashing such short texts: keep it.
term digest_head(std::string_view text) {
  static const EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local std::unique_ptr<EVP_MD_CTX, context_end> context{EVP_MD_CTX_new()};
  unsigned char digest[EVP_MAX_MD_SIZE];
  EVP_DigestInit_ex(context.get(), algorithm, nullptr);
  EVP_DigestUpdate(context.get(), text.data(), text.size());
  EVP_DigestFinal_ex(context.get(), digest, nullptr);
  uint64_t head = 0; // least significant byte first, whatever the machine
  for (int i = 7; i >= 0; --i)
    head = head << 8 | digest[i];
  return static_cast<term>(head);
}

void add_part(std::string& text, std::string_view part) {
  text += std::to_string(part.size());
  text += ':';
  text += part;
}

term make_term(std::string_view tenant, std::string_view field, std::string_view key,
               std::string_view value) {
  std::string text;
  text.reserve(tenant.size() + key.size() + value.size() + 32);
  for (auto part : {tenant, field, key, value})
    add_part(text, part);
  return digest_head(text);
}

// Equal values must give equal text: 0.0 and -0.0 are equal, 1 and 1.0 are not. Terms are stored,
// so a double keeps the form it was first given here (1E-1), whatever form answers have.
std::string scalar_text(const json::value& v) {
  if (!v.is_double())
    return dump(v);
  return v.get_double() == 0 ? "0E0" : json::serialize(v);
}

bool is_scalar(const json::value& v) {
  return !v.is_object() && !v.is_array();
}

// Each run puts these on its thread: a client's metadata must not be in their way.
bool is_servers_own(std::string_view key) {
  return key == "graph_id" || key == "assistant_id";
}

void add_unique(std::vector<term>& terms, term t) {
  if (std::find(terms.begin(), terms.end(), t) == terms.end())
    terms.push_back(t);
}

// {"$or": [f, …]}: one term per branch finds every match, when each branch has one.
std::vector<term> alternatives(const query& q) {
  const auto* branches = q.auth_filter.spec().if_contains("$or");
  if (!branches || !branches->is_array() || branches->get_array().size() > max_alternatives)
    return {};
  std::vector<term> any;
  for (const auto& branch : branches->get_array()) {
    auto f = filter::parse(branch);
    auto equal = f ? f->equalities() : decltype(f->equalities()){};
    if (equal.empty())
      return {};
    add_unique(any, metadata_term(q.tenant, equal.front().first, equal.front().second));
  }
  return any;
}

} // namespace

term every_term(const std::string& tenant) {
  return make_term(tenant, whole_tenant, {}, {});
}

term metadata_term(const std::string& tenant, std::string_view key, const json::value& scalar) {
  return make_term(tenant, in_metadata, key, scalar_text(scalar));
}

result<std::vector<term>> terms_of(const record& r) {
  if (!r.listed)
    return std::vector<term>{};
  std::vector<term> terms{every_term(r.tenant)};
  if (r.type == kind::thread && r.status != "idle")
    terms.push_back(make_term(r.tenant, in_status, {}, r.status));
  if (r.type == kind::assistant)
    terms.push_back(make_term(r.tenant, in_graph, {}, r.graph_id));
  if (r.type == kind::cron)
    terms.push_back(make_term(r.tenant, in_assistant, {}, r.assistant_id));
  if (r.type == kind::cron && !r.parent.empty())
    terms.push_back(make_term(r.tenant, in_thread, {}, r.parent));
  std::size_t clients = 0;
  for (const auto& [name, v] : r.metadata) {
    if (!is_scalar(v))
      continue;
    std::string_view key{name.data(), name.size()};
    terms.push_back(metadata_term(r.tenant, key, v));
    clients += is_servers_own(key) ? 0 : 1;
  }
  if (clients > max_metadata_terms)
    return fail(errc::invalid_argument, "metadata has more than "
                                          + std::to_string(max_metadata_terms)
                                          + " values at its top level");
  std::sort(terms.begin(), terms.end());
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  return terms;
}

term_plan plan_terms(const query& q) {
  term_plan plan;
  // A few narrow as well as many, and a caller may send hundreds of thousands.
  auto add = [&](const auto& key, const json::value& v) {
    if (plan.all.size() == max_query_terms)
      return plan.exact = false;
    add_unique(plan.all, metadata_term(q.tenant, {key.data(), key.size()}, v));
    return true;
  };
  auto equal = q.auth_filter.equalities();
  plan.exact = equal.size() == q.auth_filter.spec().size();
  for (const auto& [key, v] : equal)
    if (!add(key, v))
      break;
  for (const auto& [key, v] : q.metadata)
    if (!is_scalar(v))
      plan.exact = false;
    else if (!add(key, v))
      break;
  if (q.type == kind::thread && q.status.size() == 1 && q.status.front() != "idle")
    add_unique(plan.all, make_term(q.tenant, in_status, {}, q.status.front()));
  if (q.type == kind::assistant && !q.graph_id.empty())
    add_unique(plan.all, make_term(q.tenant, in_graph, {}, q.graph_id));
  if (q.type == kind::cron && !q.assistant_id.empty())
    add_unique(plan.all, make_term(q.tenant, in_assistant, {}, q.assistant_id));
  if (q.type == kind::cron && !q.parent.empty())
    add_unique(plan.all, make_term(q.tenant, in_thread, {}, q.parent));
  if (plan.all.empty())
    plan.any = alternatives(q);
  if (plan.all.empty())
    plan.all.push_back(every_term(q.tenant));
  return plan;
}

} // namespace behalf
