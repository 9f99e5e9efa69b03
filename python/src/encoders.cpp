// blindtuner._core: what makes features of pictures and texts.
#include <blindtuner/encoders.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding.h"

namespace blindtuner::python {
namespace {

namespace fs = std::filesystem;
using Bytes = py::array_t<std::uint8_t, py::array::c_style>;

// The functions are captured by reference, as an owner's are.
EncoderNotices encoder_notices(const py::object& progress, const py::object& warning,
                               const py::object& note) {
  EncoderNotices out;
  out.progress = [&progress](double fraction) { tell(progress, fraction); };
  out.warning = [&warning](const std::string& text) { tell(warning, text); };
  out.note = [&note](const std::string& text) { tell(note, text); };
  return out;
}

/// A file's bytes, or an array of bytes: height x width, or x 3, or x 1. `kept` holds what the view is of.
PictureView view_of(const py::handle& picture, std::size_t place, std::vector<py::object>& kept) {
  if (py::isinstance<py::bytes>(picture)) {
    kept.push_back(py::reinterpret_borrow<py::object>(picture));
    const std::string_view bytes = py::reinterpret_borrow<py::bytes>(picture);
    return {.bytes = {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}};
  }
  if (py::hasattr(picture, "mask"))
    sample_rules().attr("require_unmasked")(picture, "picture " + std::to_string(place),
                                            "all of its pixels");
  const bool of_bytes = py::isinstance<py::array_t<std::uint8_t>>(picture);
  const Bytes array = of_bytes ? Bytes::ensure(picture) : Bytes();
  if (!of_bytes || array.ndim() < 2 || array.ndim() > 3 ||
      (array.ndim() == 3 && array.shape(2) != 1 && array.shape(2) != 3))
    throw DataError("picture " + std::to_string(place) +
                    ": expected a file's bytes, or an array of uint8, height x width x 3 or "
                    "height x width");
  kept.push_back(array);
  const auto side = [&](py::ssize_t axis) { return static_cast<std::size_t>(array.shape(axis)); };
  return {.bytes = {array.data(), static_cast<std::size_t>(array.size())},
          .width = side(1),
          .height = side(0),
          .channels = array.ndim() == 3 ? side(2) : 1};
}

EncoderOptions options_of(const std::string& pooling, std::size_t image_size,
                          const std::optional<fs::path>& cache) {
  return {.pooling = pooling, .image_size = image_size, .cache = cache.value_or(fs::path())};
}

/// features, names, labels, classes; None for the last two where there are none.
py::tuple tuple_of(EncodedSet set) {
  const bool labelled = !set.labels.empty();
  return py::make_tuple(
      array_of(std::move(set.features), set.width), std::move(set.names),
      labelled ? py::object(array_of(std::move(set.labels))) : py::object(py::none()),
      labelled ? py::cast(std::move(set.classes)) : py::object(py::none()));
}

}  // namespace

void add_encoders(py::module_& m) {
  using Path = std::optional<fs::path>;
  py::class_<PictureEncoder>(m, "PictureEncoder", "A vision transformer that makes features.")
      .def_static(
          "load",
          [](const fs::path& model, const std::string& pooling, std::size_t image_size,
             const Path& cache, const std::optional<Context>& context, const py::object& warning) {
            const py::object none = py::none();
            const EncoderNotices notices = encoder_notices(none, warning, none);
            const Unlocked released;
            return PictureEncoder::load(context_of(context), model,
                                        options_of(pooling, image_size, cache), notices);
          },
          "model"_a, py::kw_only(), "pooling"_a = "model", "image_size"_a = 0,
          "cache"_a = py::none(), "context"_a = py::none(), "warning"_a = py::none())
      .def_property_readonly("width", &PictureEncoder::width)
      .def(
          "encode",
          [](const PictureEncoder& self, const py::iterable& pictures, const py::object& progress,
             const py::object& warning) {
            std::vector<py::object> kept;
            std::vector<PictureView> views;
            for (const py::handle picture : pictures)
              views.push_back(view_of(picture, views.size(), kept));
            const py::object note = py::none();
            const EncoderNotices notices = encoder_notices(progress, warning, note);
            return array_of(without_lock([&] { return self.encode(views, notices); }),
                            self.width());
          },
          "pictures"_a, py::kw_only(), "progress"_a = py::none(), "warning"_a = py::none())
      .def(
          "encode_files",
          [](const PictureEncoder& self, const fs::path& images, const Path& labels,
             const Path& root, const std::string& split, const std::vector<std::string>& classes,
             bool skip_unreadable, int picture_bits, const py::object& progress,
             const py::object& warning, const py::object& note) {
            const PictureFiles files = {.images = images,
                                        .labels = labels.value_or(fs::path()),
                                        .root = root.value_or(fs::path()),
                                        .split = split,
                                        .classes = classes,
                                        .skip_unreadable = skip_unreadable,
                                        .picture_bits = picture_bits};
            const EncoderNotices notices = encoder_notices(progress, warning, note);
            return tuple_of(without_lock([&] { return self.encode(files, notices); }));
          },
          "images"_a, py::kw_only(), "labels"_a = py::none(), "root"_a = py::none(), "split"_a = "",
          "classes"_a = std::vector<std::string>(), "skip_unreadable"_a = false,
          "picture_bits"_a = 0, "progress"_a = py::none(), "warning"_a = py::none(),
          "note"_a = py::none(),
          "Features, names, labels and classes of a set that lies in files.");
  py::class_<TextEncoder>(m, "TextEncoder", "A sentence encoder that makes features.")
      .def_static(
          "load",
          [](const fs::path& model, const std::string& pooling, const Path& cache,
             const std::optional<Context>& context, const py::object& warning) {
            const py::object none = py::none();
            const EncoderNotices notices = encoder_notices(none, warning, none);
            const Unlocked released;
            return TextEncoder::load(context_of(context), model, options_of(pooling, 0, cache),
                                     notices);
          },
          "model"_a, py::kw_only(), "pooling"_a = "model", "cache"_a = py::none(),
          "context"_a = py::none(), "warning"_a = py::none())
      .def_property_readonly("width", &TextEncoder::width)
      .def(
          "encode",
          [](const TextEncoder& self, const std::vector<std::string>& texts,
             const py::object& progress, const py::object& warning) {
            const py::object note = py::none();
            const EncoderNotices notices = encoder_notices(progress, warning, note);
            return array_of(without_lock([&] { return self.encode(texts, notices); }),
                            self.width());
          },
          "texts"_a, py::kw_only(), "progress"_a = py::none(), "warning"_a = py::none())
      .def(
          "encode_files",
          [](const TextEncoder& self, const fs::path& table, const std::string& text_column,
             const std::string& label_column, const std::vector<std::string>& classes,
             const py::object& progress, const py::object& warning, const py::object& note) {
            const TextFiles files = {.table = table,
                                     .text_column = text_column,
                                     .label_column = label_column,
                                     .classes = classes};
            const EncoderNotices notices = encoder_notices(progress, warning, note);
            return tuple_of(without_lock([&] { return self.encode(files, notices); }));
          },
          "table"_a, py::kw_only(), "text_column"_a = "", "label_column"_a = "",
          "classes"_a = std::vector<std::string>(), "progress"_a = py::none(),
          "warning"_a = py::none(), "note"_a = py::none());
}

}  // namespace blindtuner::python
