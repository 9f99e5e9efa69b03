// Parameters decide on security, on how deep circuits may be, and on how large everything is. Keys come from them
// in pairs: secret.key never leaves its owner, evaluation.keys is what a server computes with.
#include <blindtuner/errors.h>
#include <blindtuner/owner.h>
#include <blindtuner/version.h>

#include <cstdio>

#include "example.h"

namespace bt = blindtuner;

int main() {
  // The set for real use, and one for tests that says so in its name. digest() tells any two sets apart.
  const bt::ParameterSet standard = bt::ParameterSet::standard();
  std::printf("blindtuner %s\n%s: digest %.16s..\n", bt::version().c_str(), standard.name().c_str(),
              standard.digest().c_str());
  const bt::ParameterSet small = example::parameters();
  example::expect(small.insecure() && !standard.insecure(), "only the test set is below 128 bits");

  // A context holds threads and memory, and whether such sets are taken. By default they are not.
  const example::Folder folder;
  try {
    (void)bt::Owner::make_keys(bt::Context(), folder / "keys", small, example::kShape);
    return 1;
  } catch (const bt::SecurityError& refused) {
    std::printf("refused: %s\n", refused.what());
  }

  // Keys are made for so many features and classes. The passphrase protects secret.key.
  const bt::Context context = example::context();
  const auto owner =
      bt::Owner::make_keys(context, folder / "keys", small, example::kShape, "correct horse");
  std::printf("for a server: %s\n", owner.evaluation_keys().filename().c_str());

  // Later, and elsewhere: the folder and the passphrase are all it takes.
  const auto again = bt::Owner::open(context, folder / "keys", "correct horse");
  example::expect(again.parameters().digest() == small.digest(), "the same set comes back");
  example::expect(again.shape().classes == example::kShape.classes, "and the same shape");
  try {
    (void)bt::Owner::open(context, folder / "keys", "wrong");
    return 1;
  } catch (const bt::DataError& refused) {
    std::printf("refused: %s\n", refused.what());
  }
}
