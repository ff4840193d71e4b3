// The vectors of items, read on one connection.
#pragma once

#include "runtime/storage/sealing.hpp"
#include "runtime/storage/sqlite_connection.hpp"
#include "runtime/storage/vector_rows.hpp"

#include <functional>

namespace behalf {

class sqlite_vectors : public vector_rows {
public:
  sqlite_vectors(sqlite_connection& db, sealing& seals, std::function<time_point()> clock)
    : db_(&db), seals_(&seals), clock_(std::move(clock)) {}

  result<std::vector<unembedded_item>> to_embed(const embedding_turn& after, int64_t limit,
                                                std::size_t bytes) override;
  result<int64_t> count_to_embed() override;
  result<std::vector<stored_vector>> of_tenant(const std::string& tenant, int64_t after,
                                               int64_t limit) override;
  result<std::vector<stored_vector>> below(const std::string& tenant, const std::string& prefix,
                                           const stored_vector* after, int64_t items) override;
  result<std::optional<gone_vectors>> gone(const std::string& tenant, int64_t after) override;
  result<int64_t> last_gone() override;
  result<std::optional<item_of_vector>> item_of(int64_t vector, bool with_doc,
                                                fair_budget::share* room) override;

private:
  result<void> add_owners(std::string_view begin, std::string_view which, const std::string& after,
                          std::vector<std::string>& to, std::size_t most);
  result<void> add_waiting(const embedding_turn& after, int64_t limit, std::size_t& bytes,
                           std::vector<unembedded_item>& to);
  result<std::vector<stored_vector>> all_of(sqlite_statement& use, const std::string& tenant);

  sqlite_connection* db_;
  sealing* seals_;
  std::function<time_point()> clock_;
};

/// A vector as it is stored: floats of 32 bits, as this machine writes them.
std::string_view vector_bytes(const std::vector<float>& v);

} // namespace behalf
