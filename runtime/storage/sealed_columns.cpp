#include "runtime/storage/sealed_columns.hpp"

namespace behalf {

result<master_key_verdict> judge_master_key(sqlite_connection& db, const secret& master,
                                            std::string_view what) {
  auto use = db.prepare("SELECT nonce, ciphertext, tag FROM master_check WHERE id=1");
  if (!use)
    return use.error();
  auto row = use->step();
  if (!row)
    return row.error();
  if (!*row)
    return master_key_verdict::none_yet;
  return unseal(master, what, read_sealed(*use, 0)) ? master_key_verdict::the_one
                                                    : master_key_verdict::another;
}

result<void> write_master_check(sqlite_connection& db, const secret& master,
                                std::string_view what) {
  auto sealed = seal(master, what, what);
  if (!sealed)
    return sealed.error();
  auto use = db.prepare("INSERT OR REPLACE INTO master_check VALUES (1, ?1, ?2, ?3)");
  if (!use)
    return use.error();
  return bind_sealed(*use, 1, *sealed).run();
}

} // namespace behalf
