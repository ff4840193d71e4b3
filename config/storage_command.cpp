// `behalf storage`: the database looked through, saved, and sealed anew.
#include "config/assemble.hpp"
#include "config/commands.hpp"
#include "config/dev_mode.hpp"
#include "runtime/storage/open_storage.hpp"
#include "secrets/master_key.hpp"
#include "secrets/process.hpp"
#include "secrets/references.hpp"

#include <cstdio>
#include <filesystem>

namespace behalf {
namespace {

int say(const error& why, int code = exit_failed) {
  std::fprintf(stderr, "behalf: %s\n", why.message.c_str());
  return code;
}

int say_faults(const std::string& of, const std::vector<std::string>& faults) {
  for (const auto& fault : faults)
    std::fprintf(stderr, "behalf: %s: %s\n", of.c_str(), fault.c_str());
  return faults.empty() ? exit_ok : exit_failed;
}

std::string folder_of(const storage_command& given) {
  auto folder = std::filesystem::path(given.config).parent_path().string();
  return folder.empty() ? "." : folder;
}

// The storage of a configuration, with its key.
struct configured_storage {
  std::string url;
  storage_encryption encryption;
};

result<configured_storage> configured(const storage_command& given) {
  auto loaded = load_config(given.config);
  if (!loaded.problems.empty())
    return fail(errc::invalid_argument, loaded.problems.front().text());
  auto& c = loaded.value;
  if (!given.data.empty() && !std::filesystem::exists(given.data))
    return fail(errc::invalid_argument, "--data: there is no folder " + given.data);
  if (!given.data.empty())
    if (auto ok = complete_for_dev(c, given.data, true); !ok)
      return ok.error();
  if (c.encryption.master_key.empty())
    return fail(errc::invalid_argument,
                given.config + ": has no encryption.master_key, so there is nothing to seal with");
  auto encryption = open_encryption(c, folder_of(given));
  if (!encryption)
    return fail(errc::invalid_argument, encryption.error().message);
  return configured_storage{c.storage.url, std::move(*encryption)};
}

int check(const storage_command& given) {
  secret_ptr key;
  if (!given.config.empty()) {
    auto with = configured(given);
    if (!with)
      return say(with.error(), exit_config);
    key = with->encryption.master_key;
  }
  auto found =
    find_damage(storage_url(given.file),
                given.set_aside ? damaged_records::set_aside : damaged_records::report, key);
  if (!found)
    return say(found.error());
  const auto code = say_faults(given.file, found->faults);
  std::printf("%lld records looked at, %zu faults\n", static_cast<long long>(found->records),
              found->faults.size());
  if (found->sealed > 0)
    std::printf("%lld documents are sealed and were not looked into; --config FILE has the key\n",
                static_cast<long long>(found->sealed));
  if (found->set_aside > 0)
    std::printf("%lld records are now in the table set_aside; nothing reads them\n",
                static_cast<long long>(found->set_aside));
  if (found->pages_damaged)
    std::printf("pages are damaged: restore a backup; without one, stop the server and save what "
                "can be read: behalf storage recover %s NEW\n",
                given.file.c_str());
  else if (!found->faults.empty() && !given.set_aside)
    std::printf("to take damaged records out: stop the server, then add --set-aside\n");
  return given.set_aside && !found->pages_damaged ? exit_ok : code;
}

int recover(const storage_command& given) {
  auto saved = recover_storage(storage_url(given.file), storage_url(given.to));
  if (!saved)
    return say(saved.error());
  say_faults(given.file, saved->faults);
  std::printf("%lld records are in %s; %s is unchanged\n%s\n",
              static_cast<long long>(saved->records), given.to.c_str(), given.file.c_str(),
              saved->advice.c_str());
  return exit_ok;
}

int reseal(const storage_command& given) {
  auto with = configured(given);
  if (!with)
    return say(with.error(), exit_config);
  const auto seals = with->encryption.seal;
  if (given.new_data_keys && !seals)
    return say(fail(errc::invalid_argument,
                    "--new-data-keys: encryption.seal is false, so nothing is to be sealed"),
               exit_usage);
  auto done =
    reseal_storage(with->url, with->encryption,
                   given.new_data_keys ? data_key_choice::make_new : data_key_choice::keep);
  if (!done)
    return say(done.error(), done.error().code == errc::denied ? exit_config : exit_failed);
  const auto code = say_faults(with->url, done->faults);
  std::printf("%lld documents looked at: %lld %s anew, %zu that do not open stay as they are\n"
              "%lld data keys made, %lld dropped\n",
              static_cast<long long>(done->records),
              static_cast<long long>(seals ? done->sealed : done->opened),
              seals ? "sealed" : "opened", done->faults.size(), static_cast<long long>(done->made),
              static_cast<long long>(done->dropped));
  if (!seals && done->faults.empty())
    std::printf("nothing is sealed any more: the section `encryption` can go\n");
  return code;
}

int rotate(const storage_command& given) {
  auto with = configured(given);
  if (!with)
    return say(with.error(), exit_config);
  reference_resolver references{folder_of(given)};
  auto fresh = resolve_master_key(given.new_key, references);
  if (!fresh)
    return say(fresh.error());
  auto done = rotate_storage_key(with->url, with->encryption.master_key,
                                 std::make_shared<const secret>(std::move(*fresh)));
  if (!done)
    return say(done.error(), done.error().code == errc::denied ? exit_config : exit_failed);
  const auto code = say_faults(with->url, *done);
  std::printf(
    "every data key that opens is wrapped by the new master key; configure it and start\n");
  return code;
}

} // namespace

int run_storage(const storage_command& given) {
  harden_process();
  return given.verb == "check"     ? check(given)
         : given.verb == "recover" ? recover(given)
         : given.verb == "reseal"  ? reseal(given)
                                   : rotate(given);
}

} // namespace behalf
