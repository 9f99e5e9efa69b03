// What is encrypted comes back through one door, which writes down what it lets out before it does.
#include <blindtuner/errors.h>
#include <blindtuner/owner.h>

#include <cstdio>
#include <filesystem>

#include "example.h"

namespace bt = blindtuner;

int main() {
  const example::Folder folder;
  const bt::Context context = example::context();
  const auto owner =
      bt::Owner::make_keys(context, folder / "keys", example::parameters(), example::kShape);

  // Samples and their classes become one file. A server that has it and evaluation.keys learns how many there
  // are, and nothing else. For training they are mixed; here they stay in their order.
  const example::Clouds clouds(300);
  owner.encrypt(clouds.set(), bt::DataUse::kTraining, folder / "data.enc", bt::SampleOrder::kKept);
  std::printf("300 samples in %ju bytes\n",
              std::uintmax_t{std::filesystem::file_size(folder / "data.enc")});

  // Its owner can open the classes again.
  example::expect(owner.open_labels(folder / "data.enc") == clouds.labels,
                  "labels come back as they went");

  // Other keys open nothing of it.
  const auto stranger =
      bt::Owner::make_keys(context, folder / "others", example::parameters(), example::kShape);
  try {
    (void)stranger.open_labels(folder / "data.enc");
    return 1;
  } catch (const bt::DataError& refused) {
    std::printf("refused: %s\n", refused.what());
  }
}
