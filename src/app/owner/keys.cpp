#include "app/owner/keys.h"

#include <cstdio>

#include "app/owner/console.h"

namespace blindtuner::app {
namespace {

/// `open` is given where the passphrase comes from.
template <typename Open>
OwnerFolder opened(const KeyOptions& options, const SecretBytes& known, const Open& open) {
  const std::filesystem::path secret = secret_key_path(options.folder);
  bool asked = false;
  OwnerFolder keys = open([&] {
    asked = true;
    return known.empty() ? read_passphrase(options.passphrase, secret) : copy_of(known);
  });
  if (!asked) refuse_unused_passphrase(options.passphrase, secret);
  return keys;
}

}  // namespace

void add_key_options(Command& command, KeyOptions& options) {
  command.add_option("--keys", options.folder, "folder of the keys").required();
  add_passphrase_options(command, options.passphrase);
}

OwnerFolder open_keys(const KeyOptions& options, const CommonOptions& common, LostLedger lost) {
  return opened(options, {}, [&](const PassphraseSource& passphrase) {
    return party::open_keys(options.folder, common.allow_insecure, passphrase, key_listener(common),
                            lost);
  });
}

OwnerFolder open_keys_to_encrypt(const KeyOptions& options, const CommonOptions& common,
                                 const SecretBytes& known) {
  return opened(options, known, [&](const PassphraseSource& passphrase) {
    return party::open_keys_to_encrypt(options.folder, common.allow_insecure, passphrase,
                                       key_listener(common));
  });
}

Listener key_listener(const CommonOptions& common) {
  Listener out = console_listener(common);
  out.warning = [](const std::string& text) {
    std::fprintf(stderr, "WARNING: %s\n", text.c_str());
  };
  out.note = [quiet = common.quiet](const std::string& text) {
    if (!quiet) std::fprintf(stderr, "%s\n", text.c_str());
  };
  return out;
}

}  // namespace blindtuner::app
