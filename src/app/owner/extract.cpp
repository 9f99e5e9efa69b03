// blindtuner extract: from pictures or texts to features, with a pretrained transformer.
#include "app/common/options.h"
#include "app/owner/extraction.h"
#include "app/owner/owner.h"
#include "app/owner/tables.h"
#include "base/path.h"

namespace blindtuner::app {
namespace {

namespace fs = std::filesystem;

void add_picture_options(Command& command, ExtractOptions& o) {
  command.add_option("--labels", o.pictures.labels,
                     "class numbers for IDX or .npz: .npy, .npz, .csv or IDX");
  command.add_option("--split", o.pictures.split,
                     "of an .npz archive: train for train_images and train_labels");
  command.add_option("--images-member", o.pictures.images_member, "name within an .npz archive");
  command.add_option("--labels-member", o.pictures.labels_member, "name within an .npz archive");
  command.add_option("--path-column", o.columns.path,
                     "of a table of pictures: a name, a number from 1, or last");
  add_number(command, "--picture-bits", o.picture_bits,
             "how many of 16 bits the samples of 16-bit pictures use (0: as --classes or the "
             "pictures say)",
             0, 16)
      .check([](const std::string& text) -> std::string {
        return text.size() == 1 && text[0] > '0' && text[0] < '8' ? "expected 0, or 8 to 16" : "";
      });
  command.add_option("--images-root", o.pictures.root,
                     "folder that a table's paths are relative to, and that none of them may leave "
                     "(the table's own)");
  command.add_option("--on-error", o.on_error, "what unreadable pictures are: fail or skip")
      .one_of({"fail", "skip"})
      .show_default();
}

/// What pictures and texts are told alike.
void share(ExtractOptions& options) {
  options.texts.classes.numbered = options.pictures.classes.numbered;
  options.pictures.columns = options.texts.columns = options.table_columns();
}

void extract(const CommonOptions& common, ExtractOptions options) {
  require_ending(options.out, {".npz"});
  share(options);
  const PoolingPlan pooling = PoolingPlan::of(options.pooling);
  if (!options.pairs.empty()) {
    if (pooling.poolings().size() > 1)
      throw DataError("--pooling: pairs are of one pooling, such as model or class+mean");
    (void)check_samples(options, options.class_names());
  }
  const auto features = !options.pairs.empty()        ? pair_features
                        : options.texts.table.empty() ? picture_features
                                                      : text_features;
  finish_extraction(common, options, features(common, options, pooling));
}

}  // namespace

std::vector<std::string> check_samples(ExtractOptions options,
                                       const std::vector<std::string>& classes) {
  share(options);
  options.pictures.classes.names = options.texts.classes.names = classes;
  options.pictures.all_files = options.on_error != "skip";
  if (!options.texts.table.empty()) return read_text_set(options.texts).classes;
  if (!options.pairs.empty()) options.pictures.images = options.texts.table = options.pairs;
  const PictureSet pictures = PictureSet::open(options.pictures);
  if (!options.pairs.empty()) {
    const TextSet texts = read_text_set(options.texts);
    require_pairs(options.pairs, pictures.size(), pictures.labels(), texts.texts.size(),
                  texts.labels);
  }
  return pictures.classes();
}

void add_extract(Program& program) {
  program.add_command(
      "extract", "turn pictures or texts into features with a pretrained transformer",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<ExtractOptions>();
        command
            .add_option(
                "--model", o->model,
                "a pretrained encoder: .safetensors, the index of a sharded one, or a folder; "
                "pictures: ViT, DeiT, MAE, DINOv2, BEiT, CLIP; texts: BERT, RoBERTa, "
                "DistilBERT, MPNet, CLIP (docs/ENCODERS.md)")
            .required();
        Command samples = command.one_of("Samples");
        samples.add_option("--images", o->pictures.images,
                           "a folder with a folder for every class, a table of path and label, "
                           "IDX, or .npz");
        samples.add_option("--texts", o->texts.table, "a table of text and label");
        samples.add_option("--pairs", o->pairs,
                           "a table of a picture's path, a text and a label: features of both, "
                           "side by side");
        command.add_option("--text-model", o->text_model,
                           "the encoder of the texts of pairs (--model, when it is CLIP)");
        command
            .add_option("--pooling", o->pooling,
                        std::string(pooling_help()) + "; " + kChoosePooling +
                            ": several, for 'finetune' to choose from")
            .show_default();
        add_number(
            command, "--image-size", o->image_size,
            "pixels a side, to which positions are interpolated (as the model's settings say)", 1,
            4096);
        add_output_file(command, "--out", o->out, "where the features go (.npz)").required();
        add_picture_options(command, *o);
        command.add_option("--text-column", o->columns.text,
                           "of a table of texts: a name, a number from 1, or last");
        add_table_options(command, o->columns, false);
        add_group_option(command, o->columns);
        command.add_option("--classes", o->classes,
                           "the classes' names in order, from an earlier extraction (.npz) or a "
                           "text file: for a test set in which some are missing");
        command.add_flag("--class-numbers", o->pictures.classes.numbered,
                         "labels that are numbers are places among the named classes, from 0");
        const Option cache = command.add_option(
            "--cache", o->cache,
            "folder of features computed before (default: $XDG_CACHE_HOME/blindtuner)");
        command.add_flag("--no-cache", o->no_cache, "neither read nor write a cache")
            .excludes(cache);
        command.useless(
            {"--labels", "--split", "--images-member", "--labels-member", "--path-column",
             "--picture-bits", "--images-root", "--on-error", "--image-size", "--text-model"},
            [o]() -> std::string { return o->texts.table.empty() ? "" : "with --texts"; });
        command.useless({"--split"}, [o]() -> std::string {
          return o->pictures.images_member.empty() ? ""
                                                   : "beside --images-member, which names pictures";
        });
        command.useless({"--text-column", "--text-model"}, [o]() -> std::string {
          return o->pictures.images.empty() ? "" : "with --images";
        });
        command.useless({"--labels", "--split", "--images-member", "--labels-member"},
                        [o]() -> std::string { return o->pairs.empty() ? "" : "with --pairs"; });
        return [&program, o] { extract(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
