// A parameter set of one's own: written down, checked, saved. Whatever is made under it carries it.
#include <blindtuner/errors.h>
#include <blindtuner/owner.h>
#include <blindtuner/server.h>

#include <cstdio>
#include <string>

#include "example.h"

namespace bt = blindtuner;

namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  example::expect(at != std::string::npos, "the set has " + from);
  return text.replace(at, from.size(), to);
}

}  // namespace

int main() {
  // The easiest way to one's own is from one that is there.
  const std::string json = example::parameters().json();
  std::printf("%s\n", json.c_str());
  const std::string mine = replaced(replaced(json, "InsecureTest10", "Insecure-example"),
                                    "\"sparse_weight\":32", "\"sparse_weight\":24");

  // It is checked before anything is made of it: security first.
  try {
    (void)bt::ParameterSet::from_json(replaced(mine, "Insecure-example", "Secure-example"));
    return 1;
  } catch (const bt::SecurityError& refused) {
    std::printf("refused: %s\n", refused.what());
  }

  const example::Folder folder;
  bt::ParameterSet::from_json(mine).save(folder / "mine.json");
  const bt::ParameterSet set = bt::ParameterSet::load(folder / "mine.json");

  // Keys and data carry it, so the server has never to be told.
  const bt::Context context = example::context();
  const auto owner = bt::Owner::make_keys(context, folder / "keys", set, example::kShape);
  const auto server = bt::Server::load(context, owner.evaluation_keys());
  example::expect(server.parameters().digest() == set.digest(), "the server works under it");
  std::printf("the server works under '%s'\n", server.parameters().name().c_str());
}
