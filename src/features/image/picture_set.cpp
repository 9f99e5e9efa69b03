#include "features/image/picture_set.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <map>
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/input_file.h"
#include "base/path.h"
#include "base/utf8.h"
#include "features/data/archive_columns.h"
#include "features/data/feature_table.h"
#include "features/data/idx.h"
#include "features/data/load.h"
#include "features/data/members.h"
#include "features/data/named_labels.h"
#include "features/data/npy.h"
#include "features/image/class_folders.h"
#include "features/image/picture_names.h"
#include "features/samples/class_names.h"
#include "features/samples/label_lists.h"
#include "features/samples/sample_groups.h"
#include "features/tables/table.h"
#include "features/tables/table_report.h"

namespace blindtuner::features {
namespace {

namespace fs = std::filesystem;

// Folders within folders.
constexpr int kMaxDepth = 32;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// By the name: kinds that cannot be read are pictures too, so that they are not passed over in
/// silence.
bool named_as_picture(const fs::path& path) {
  static const std::set<std::string> kinds = {".jpg",  ".jpeg", ".jpe", ".jfif", ".pjpeg", ".png",
                                              ".apng", ".bmp",  ".dib", ".webp", ".gif",   ".tif",
                                              ".tiff", ".ppm",  ".pgm", ".pbm",  ".pnm",   ".heic",
                                              ".heif", ".avif", ".jp2", ".jxl",  ".dcm",   ".svg"};
  return kinds.count(lower(path.extension().string())) != 0;
}

/// What archives and systems leave behind.
bool left_behind(const fs::path& path) {
  static const std::set<std::string> names = {"__macosx", "thumbs.db",    "desktop.ini",
                                              "@eadir",   "$recycle.bin", "lost+found"};
  const std::string name = path.filename().string();
  return name.starts_with('.') || names.count(lower(name)) != 0;
}

/// By the first bytes.
bool begins_as_picture(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) && !is_not_told(error)) return false;
  std::array<std::uint8_t, 16> start{};
  try {
    return is_picture(std::span(start).first(InputFile(path).read_some(start, 0)));
  } catch (const NotTold&) {
    throw;
  } catch (const DataError&) {
    return false;  // and is counted among what is no picture
  }
}

/// What a walk through folders met.
struct Found {
  std::vector<fs::path> pictures;
  std::vector<fs::path> others;  // no pictures
  std::size_t leftovers = 0;     // files and folders
};

/// Entries of a folder in the order of their names, without what was left behind.
std::vector<fs::directory_entry> entries(const fs::path& folder, Found& found) {
  std::error_code error;
  std::vector<fs::directory_entry> out;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (left_behind(at->path()))
      ++found.leftovers;
    else
      out.push_back(*at);
  }
  if (error)
    throw DataError("cannot read the folder " + quoted_path(folder) + ": " + error.message());
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.path().native() < b.path().native(); });
  return out;
}

void take_file(const fs::path& path, Found& found) {
  const bool picture = named_as_picture(path) || begins_as_picture(path);
  (picture ? found.pictures : found.others).push_back(path);
}

/// Pictures of a folder, then those of the folders in it.
// NOLINTNEXTLINE(misc-no-recursion): kMaxDepth deep
void find_pictures(const fs::path& folder, Found& found, int depth = 0) {
  if (depth > kMaxDepth)
    throw DataError(quoted_path(folder) + ": folders within folders, more than " +
                    std::to_string(kMaxDepth) + " deep (a link to itself?)");
  std::vector<fs::path> folders;
  std::error_code ignored;
  for (const fs::directory_entry& entry : entries(folder, found)) {
    if (entry.is_directory(ignored))
      folders.push_back(entry.path());
    else
      take_file(entry.path(), found);
  }
  for (const fs::path& inner : folders) find_pictures(inner, found, depth + 1);
}

std::string count_text(std::size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

/// A table's path out of its root folder, by the words alone: the file system is not asked. Empty
/// when it would not be beneath the root.
fs::path beneath(const fs::path& root, const fs::path& path) {
  std::error_code error;
  const fs::path base = path.is_absolute() ? fs::absolute(root.empty() ? "." : root, error)
                                           : (root.empty() ? fs::path(".") : root);
  const fs::path relative =
      (base / path).lexically_normal().lexically_relative(base.lexically_normal());
  if (error || relative.empty() || relative == "." || *relative.begin() == "..") return {};
  return root / relative;
}

/// A table's path as a file: as it is, then with backslashes as slashes, then with an ending.
struct PathInTable {
  fs::path file, literal;  // file: what is there, or empty
  bool outside = false, several = false, slashes = false, ending = false;

  PathInTable(const fs::path& root, const std::string& path) {
    literal = beneath(root, path);
    outside = literal.empty();
    if (outside) return;
    if (is_there(literal)) {
      file = literal;
      return;
    }
    fs::path plain = literal;
    if (path.find('\\') != std::string::npos) {
      std::string turned = path;
      std::replace(turned.begin(), turned.end(), '\\', '/');
      plain = beneath(root, turned);
      outside = plain.empty();
      if (outside) return;
      slashes = is_there(plain);
      if (slashes) {
        file = plain;
        return;
      }
    }
    for (const char* end : {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".jfif", ".PNG", ".JPG",
                            ".JPEG", ".BMP", ".WEBP"}) {
      const fs::path with = plain.native() + end;
      if (!is_there(with)) continue;
      several = several || !file.empty();
      file = with;
    }
    ending = !file.empty();
    slashes = ending && plain != literal;
  }
  static bool is_there(const fs::path& path) {
    std::error_code error;
    return path_exists(path) && !fs::is_directory(path, error);
  }
};

}  // namespace

Picture PictureBytes::decode(const std::string& where, int bits) const {
  if (channels == 0) return decode_picture(bytes, where, bits);
  check_dimensions(width, height, where);
  const std::size_t pixels = width * height;
  require(bytes.size() == pixels * channels && (channels == 1 || channels == 3),
          "PictureBytes: wrong size");
  Picture out{static_cast<int>(width), static_cast<int>(height), {}};
  if (channels == 3) {
    out.rgb = bytes;
  } else {
    out.rgb.resize(3 * pixels);
    for (std::size_t i = 0; i < out.rgb.size(); ++i) out.rgb[i] = bytes[i / 3];
  }
  return out;
}

PictureSet PictureSet::open(const PictureSource& source) {
  PictureSet set;
  set.origin_ = quoted_path(source.images);
  std::error_code error;
  if (!path_exists(source.images))
    throw DataError("cannot read " + set.origin_ + ": no such file or folder");
  std::string name = lower(source.images.filename().string());
  const bool folder = fs::is_directory(source.images, error);
  const bool table = is_table_name(source.images);
  if ((folder || table) && !source.labels.empty())
    throw DataError(set.origin_ + ": has labels of its own, so none can be given beside it");
  if (!name.ends_with(".npz") &&
      !(source.split + source.images_member + source.labels_member).empty())
    throw DataError(set.origin_ +
                    ": is no .npz archive, of which --split and names of members say what to take");
  if (folder) {
    set.open_folder(source);
  } else if (table) {
    set.open_table(source);
  } else if (name.ends_with(".npz")) {
    set.open_npz(source);
  } else {
    if (name.ends_with(".gz")) name.resize(name.size() - 3);
    if (!name.ends_with("ubyte") && !name.ends_with(".idx"))
      throw DataError(set.origin_ +
                      ": unknown kind of file, expected a folder of pictures, a table " +
                      "(.csv, .tsv, .txt), .npz, or IDX (-ubyte, .idx)");
    set.open_idx(source);
  }
  if (set.size() == 0) throw DataError(set.origin_ + ": no pictures");
  if (set.labelled() && set.classes_.size() < 2)
    throw DataError(set.origin_ + ": one class ('" + set.classes_[0] + "'), expected at least two");
  if (const std::string lists = label_list_warning(set.classes_); !lists.empty())
    set.reading_.warnings.push_back(set.origin_ + ": " + lists);
  return set;
}

void PictureSet::open_folder(const PictureSource& source) {
  std::vector<std::string> folders;
  Found found, beside;
  std::error_code ignored;
  for (const fs::directory_entry& entry : entries(source.images, found)) {
    if (entry.is_directory(ignored))
      folders.push_back(entry.path().filename().string());
    else
      take_file(entry.path(), beside);
  }
  if (folders.empty()) {
    found.pictures = std::move(beside.pictures);
    beside.pictures.clear();
    if (found.pictures.empty())
      throw DataError(origin_ + ": no pictures in this folder, and no folders of classes");
  }
  if (const std::vector<std::string> splits = folders_of_splits(folders); !splits.empty())
    throw DataError(
        origin_ + ": " + (splits.size() == folders.size() ? "its folders" : "the folders in it") +
        " (" + list_of_words(splits) + ") are splits and not classes: name one of them, such as " +
        quoted_path(folder_of_classes(source.images / splits.front())));
  LabelWords words;
  for (const std::string& name : folders) {
    const fs::path folder = source.images / name;
    find_pictures(folder, found);
    if (found.pictures.size() == words.size())
      throw DataError(quoted_path(folder) +
                      ": no pictures in the folder of a class; remove it if it is none");
    while (words.size() < found.pictures.size())
      words.add(name, [&] { return quoted_path(folder); });
  }
  if (!folders.empty()) {
    const FolderLevels levels(source.images, found.pictures);
    if (const std::vector<std::string> shared = levels.shared(); !shared.empty())
      throw DataError(origin_ + ": its folders (" + list_of_words(folders) +
                      ") hold the same folders (" + list_of_words(shared) +
                      "), so they are parts of a set and not classes: name one of them");
    if (levels.deeper > 0)
      reading_.notes.push_back(count_text(levels.deeper, "picture lies", "pictures lie") +
                               " in folders within those of the classes (" +
                               list_of_words(levels.inner) +
                               "): of the outer folder's class. If the inner ones are the classes, "
                               "bring them together in "
                               "one folder");
  }
  found.others.insert(found.others.end(), beside.others.begin(), beside.others.end());
  if (!beside.pictures.empty())
    reading_.notes.push_back(
        count_text(beside.pictures.size(), "picture lies", "pictures lie") +
        " beside the folders of classes and belong to none: not used, the first is " +
        quoted_path(beside.pictures.front()));
  if (!found.others.empty())
    reading_.notes.push_back(count_text(found.others.size(), "file is", "files are") +
                             " no picture: not used, the first is " +
                             quoted_path(found.others.front()));
  if (found.leftovers > 0)
    reading_.notes.push_back(count_text(found.leftovers, "hidden or left-behind entry",
                                        "hidden or "
                                        "left-behind entries") +
                             " (.., __MACOSX, Thumbs.db) passed over");
  files_ = std::move(found.pictures);
  for (const fs::path& file : files_)
    names_.push_back(file.lexically_relative(source.images).string());
  if (folders.empty()) return;
  // As in ImageFolder, "10" is a name and not a number.
  ClassRequest request = source.classes;
  if (request.names.empty()) {
    require_one_spelling(words);
    request.names = words.words();
    std::sort(request.names.begin(), request.names.end());
  }
  NamedLabels named = number_labels(words, request);
  labels_ = std::move(named.labels);
  classes_ = std::move(named.classes);
  group_namesakes(source.columns);
}

void PictureSet::group_namesakes(const ColumnChoice& choice) {
  NamesakePictures namesakes = namesake_pictures(files_);
  const std::size_t count = namesakes.called.size();
  // A few are called so by chance.
  if (count < 4 || 10 * count < size()) return;
  reading_.warnings.push_back(origin_ + ": " + std::to_string(count) + " of " +
                              std::to_string(size()) +
                              " pictures are called after others, the first is '" +
                              printable(names_[namesakes.called.front()]) +
                              "': masks, or changed copies? They are taken for samples as all are");
  groups_ = choose_groups({{"original", "'the picture that they are called after'",
                            std::move(namesakes.originals), false}},
                          labels_, choice, origin_, reading_);
}

void PictureSet::open_table(const PictureSource& source) {
  const Table table(source.images);
  const fs::path base = source.root.empty() ? source.images.parent_path() : source.root;
  TableRequest request;
  request.use = TableUse::kPictures;
  request.labelled = Labelled::kMaybe;
  request.columns = source.columns;
  request.is_file = [&](std::string_view field) {
    const std::string text(without_blanks(field));
    return !text.empty() && text.size() < 4096 &&
           (named_as_picture(text) || !PathInTable(base, text).file.empty());
  };
  const TableColumns columns = assign_columns(table, request, reading_);
  const bool labelled = columns.label || !columns.one_hot.empty();
  std::size_t slashes = 0, endings = 0;
  LabelWords words;
  GroupFields groups(columns, source.columns);
  const auto add = [&](std::size_t i, const TableRow& row) {
    const std::string path(without_blanks(row.fields[*columns.content]));
    if (path.empty()) throw DataError(table.where(i) + ": the path is empty");
    PathInTable found(base, path);
    if (found.outside)
      throw DataError(table.where(i) + ": '" + path.substr(0, 200) +
                      "' is not beneath the folder " + quoted_path(base.empty() ? "." : base) +
                      "; name the folder that all of the table's pictures lie in with "
                      "--images-root");
    if (found.several)
      throw DataError(table.where(i) + ": '" + path.substr(0, 200) +
                      "' lacks its ending, and there are several files that it may be");
    if (source.all_files && found.file.empty())
      throw DataError(table.where(i) + ": no such file " + quoted_path(found.literal));
    slashes += found.slashes;
    endings += found.ending;
    files_.push_back(found.file.empty() ? found.literal : std::move(found.file));
    names_.push_back(path);
    lines_.push_back(table.line(i));
    groups.add(row);
  };
  const UnusedRows skipped =
      for_each_labelled_row(table, columns, source.columns.skip_missing, words, add);
  report_table(table, files_.size(), {skipped}, reading_);
  if (slashes > 0)
    reading_.notes.push_back(count_text(slashes, "path", "paths") +
                             " with backslashes, taken for slashes");
  if (endings > 0)
    reading_.notes.push_back(count_text(endings, "path", "paths") +
                             " without an ending, found as files with one");
  if (files_.empty()) throw DataError(origin_ + ": no row has a label");
  if (labelled) {
    NamedLabels named = number_labels(words, source.classes);
    labels_ = std::move(named.labels);
    classes_ = std::move(named.classes);
  }
  groups_ = choose_groups(groups.take(), labels_, source.columns, origin_, reading_);
}

void PictureSet::open_idx(const PictureSource& source) {
  ByteArray array = read_idx_array(source.images);
  if (array.shape.size() != 3)
    throw DataError(origin_ + ": " + std::to_string(array.shape.size()) +
                    " dimensions, expected pictures x height x width (labels?)");
  set_array(std::move(array), origin_);
  if (source.labels.empty()) return;
  std::vector<GroupColumn> groups;
  read_labels(source, {}, {}, source.classes, groups);
  groups_ = choose_groups(groups, labels_, source.columns, origin_, reading_);
}

std::string PictureSet::read_labels(const PictureSource& source, const std::string& member,
                                    const std::vector<NamedColumn>& beside,
                                    const ClassRequest& classes, std::vector<GroupColumn>& groups) {
  DataSource file;
  file.labels = source.labels;
  file.columns = source.columns;
  file.members.labels = source.labels_member;
  if (source.columns.known_label.name.empty())
    file.members.labels = member;
  else
    file.part = Part::kTest;
  OwnLabels own = load_labels(file, &reading_);
  say_label_name(own.label_name);
  std::string joined =
      bring_labels({origin_, beside, size(), {}}, source.columns, own, groups, reading_);
  set_labels(own.words, classes, own.name);
  std::erase_if(groups, [&](const GroupColumn& one) { return one.fields.size() != size(); });
  return joined;
}

namespace {

/// Other parts' members, and what nothing takes of the pictures' own.
std::vector<std::string> unread_members(const NpzArchive& archive, std::size_t rows,
                                        const std::vector<std::string>& taken,
                                        const ColumnChoice& choice) {
  std::vector<std::string> out = unused_members(archive, taken.front(), rows, taken, choice),
                           known = out;
  known.insert(known.end(), taken.begin(), taken.end());
  for (const auto& [member, name] : members_beside(archive, taken.front())) known.push_back(member);
  for (const std::string& member : archive.names())
    if (std::find(known.begin(), known.end(), member) == known.end()) out.push_back(member);
  return out;
}

}  // namespace

void PictureSet::open_npz(const PictureSource& source) {
  const NpzArchive archive(source.images);
  std::string images = source.images_member, labels = source.labels_member, usual;
  if (images.empty()) {
    using Pair = std::pair<std::string, std::string>;
    const std::string& split = source.split;
    const std::vector<Pair> pairs =
        split.empty() ? std::vector<Pair>{{"images", "labels"}, {"x", "y"}, {"X", "Y"}, {"X", "y"}}
                      : std::vector<Pair>{{split + "_images", split + "_labels"},
                                          {"x_" + split, "y_" + split},
                                          {"X_" + split, "Y_" + split},
                                          {"X_" + split, "y_" + split}};
    for (const auto& [x, y] : pairs) {
      if (!archive.contains(x)) continue;
      images = x;
      if (archive.contains(y)) usual = y;
      break;
    }
    if (images.empty())
      throw DataError(origin_ + ": no member '" + pairs[0].first + "' or '" + pairs[1].first +
                      "', only: " + list_of_words(archive.names()) +
                      " (choose with --split or --images-member)");
  }
  const std::string where = origin_ + ", member '" + images + "'";
  set_array(archive.byte_array(images), where);
  const std::string& known = source.columns.known_label.name;
  if (labels.empty() && source.labels.empty())
    labels = labels_as_in_training(archive, known, Part::kTest, images);
  if (labels.empty()) labels = usual;
  ClassRequest classes = source.classes;
  std::vector<std::string> own;
  if (labels != "classes" && archive.contains("classes") && archive.holds_text("classes"))
    for (const std::string& name : archive.strings("classes")) own.push_back(class_name(name));
  if (classes.names.empty()) classes.names = own;
  std::vector<GroupColumn> groups =
      group_members(archive, images, size(), source.columns, reading_);
  std::vector<std::string> unread =
      unread_members(archive, size(), {images, labels, "classes"}, source.columns);
  if (!source.labels.empty()) {
    const std::vector<NamedColumn> beside = archive_keys(
        archive, size(), {images, labels, class_names_member(archive)}, source.columns);
    const std::string joined = read_labels(source, labels, beside, classes, groups);
    unread = still_unused(std::move(unread), joined, beside);
  } else if (!labels.empty()) {
    const std::string of = archive.where(labels);
    say_label_name(name_of_labels(archive, labels, !source.labels_member.empty(), known, reading_));
    const LabelWords words = named_labels(archive, labels, classes, reading_);
    set_labels(words, classes, of);
  }
  groups_ = choose_groups(groups, labels_, source.columns, origin_, reading_);
  if (!unread.empty())
    reading_.notes.push_back(origin_ + ": '" + printable(images) + "' is read, and not " +
                             list_of_words(unread));
}

void PictureSet::set_array(ByteArray array, const std::string& where) {
  const auto& shape = array.shape;
  if (shape.size() != 3 && !(shape.size() == 4 && (shape[3] == 1 || shape[3] == 3)))
    throw DataError(where + ": " + std::to_string(shape.size()) + " dimensions, the last of " +
                    std::to_string(shape.empty() ? 0 : shape.back()) +
                    ", expected pictures x height x width, or x 3 for colours" +
                    (shape.size() == 4 && (shape[1] == 1 || shape[1] == 3)
                         ? "; numpy.moveaxis(pictures, 1, 3) brings colours to the end"
                         : ""));
  if (shape[0] > kMaxPictures)
    throw DataError(where + ": " + std::to_string(shape[0]) + " pictures, expected at most " +
                    std::to_string(kMaxPictures));
  height_ = shape[1];
  width_ = shape[2];
  channels_ = shape.size() == 4 ? shape[3] : 1;
  check_dimensions(width_, height_, where);
  for (std::size_t i = 0; i < shape[0]; ++i) names_.push_back(std::to_string(i));
  array_ = std::move(array);
}

void PictureSet::say_label_name(const std::string& name) {
  if (!name.empty()) reading_.details["label"] = {{"name", name}};
}

void PictureSet::set_labels(const LabelWords& words, const ClassRequest& classes,
                            const std::string& where) {
  if (words.size() != size())
    throw DataError(where + ": " + std::to_string(words.size()) + " labels for " +
                    std::to_string(size()) + " pictures");
  NamedLabels named = number_labels(words, classes);
  labels_ = std::move(named.labels);
  classes_ = std::move(named.classes);
}

std::string PictureSet::where(std::size_t index) const {
  if (files_.empty()) return origin_ + ", picture " + names_[index];
  if (lines_.empty()) return quoted_path(files_[index]);
  return origin_ + ", line " + std::to_string(lines_[index]) + ": " + quoted_path(files_[index]);
}

bool PictureSet::has_sixteen_bits(std::size_t index) const {
  if (files_.empty()) return false;
  std::array<std::uint8_t, kSixteenBitStart> start{};
  try {
    const std::size_t got = InputFile(files_[index]).read_some(start, 0);
    return features::has_sixteen_bits(std::span(start).first(got));
  } catch (const DataError&) {
    return false;  // read() says what is wrong
  }
}

PictureBytes PictureSet::read(std::size_t index) const {
  require(index < size(), "PictureSet::read: no such picture");
  if (!files_.empty()) try {
      return {read_file(files_[index], kMaxPictureBytes), 0, 0, 0};
    } catch (const DataError& error) {
      if (lines_.empty()) throw;
      throw DataError(origin_ + ", line " + std::to_string(lines_[index]) + ": " + error.what());
    }
  const std::size_t bytes = width_ * height_ * channels_;
  const auto part = array_.elements().subspan(index * bytes, bytes);
  return {{part.begin(), part.end()}, width_, height_, channels_};
}

}  // namespace blindtuner::features
