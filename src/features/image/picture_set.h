// Sets of pictures, wherever they are: folders, tables of paths, arrays.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "features/data/byte_array.h"
#include "features/image/picture.h"
#include "features/samples/class_names.h"
#include "features/samples/dataset.h"
#include "features/samples/named_columns.h"
#include "features/samples/sample_groups.h"
#include "features/tables/table_columns.h"

namespace blindtuner::features {

/// Bytes of a picture's file, and pictures of an array.
inline constexpr std::uint64_t kMaxPictureBytes = std::uint64_t{1} << 30;
inline constexpr std::size_t kMaxPictures = std::size_t{1} << 24;

/// Where pictures and their labels are. `images` is
///  - a folder: every folder in it is a class, as torchvision's ImageFolder has it (classes and
///    pictures in the order of their names, folders within a class searched too); a folder of
///    pictures alone is a set without labels. Pictures are what is named as one, whether it can be
///    decoded or not, and what begins as one, whatever its name. Hidden files and what archives and
///    systems leave behind (__MACOSX, Thumbs.db, @eaDir, ..) are neither pictures nor classes;
///  - a table (features/tables/table.h): a path and a label a row, or paths alone, in the columns that
///    assign_columns() finds. Where a path is no file, backslashes are taken for slashes, and then one
///    of the usual endings for missing. Paths are relative to the folder
///    `root`, or the table's own when that is empty, and lie beneath it: an absolute path must begin
///    with the root's, and none may climb out of it by "..". Links are followed;
///  - IDX (-ubyte, .idx, with or without .gz): grey pictures, labels in the file `labels`;
///  - .npz: unsigned bytes, samples x height x width, or x 3 (x 1), with labels.
/// A file of labels may be a table with other columns: labels of an archive go to samples by identifiers
/// that both have, and what groups samples is taken from there, or from members of the archive.
struct PictureSource {
  std::filesystem::path images;
  std::filesystem::path labels;  ///< IDX and .npz: a file of class numbers
  std::filesystem::path root;    ///< tables: the folder that paths are relative to and beneath
  ColumnChoice columns;          ///< tables, also one of labels
  /// .npz: the members; empty: NAME_images and NAME_labels or x_NAME and y_NAME of the split NAME,
  /// or images and labels, or x and y when there is no split.
  std::string images_member, labels_member, split;
  /// The classes, when they are not to be found in the set itself.
  ClassRequest classes;
  /// A file named by a table that is not there is refused when the set is opened.
  bool all_files = true;
};

/// A picture before it is decoded.
struct PictureBytes {
  std::vector<std::uint8_t> bytes;
  std::size_t width = 0, height = 0, channels = 0;  ///< of bare pixels; 0: a file

  /// Throws DataError that starts with `where`.
  Picture decode(const std::string& where, int bits = 16) const;
};

class PictureSet {
 public:
  /// Lists the set, without reading a picture. Throws DataError: nothing there, splits where
  /// classes were expected (by their names, or as they hold the same folders), labels that do not fit, fewer than two classes.
  static PictureSet open(const PictureSource& source);

  std::size_t size() const { return names_.size(); }
  /// Unique: the path within the folder or as the table has it, or the number from 0.
  const std::vector<std::string>& names() const { return names_; }
  bool labelled() const { return !classes_.empty(); }
  /// One class number a picture, or none.
  const Labels& labels() const { return labels_; }
  const std::vector<std::string>& classes() const { return classes_; }
  /// Of a table, of an archive or of the labels beside them (features/samples/sample_groups.h), of
  /// folders by names (features/image/picture_names.h).
  const SampleGroups& groups() const { return groups_; }
  /// What was passed over, and what was taken for what: a sentence each, without its full stop.
  const std::vector<std::string>& notes() const { return reading_.notes; }
  /// What may be wrong, the same.
  const std::vector<std::string>& warnings() const { return reading_.warnings; }
  /// How a table was read; an empty object otherwise.
  const nlohmann::json& reading() const { return reading_.details; }
  /// What opens a message about a picture.
  std::string where(std::size_t index) const;

  /// The picture is a file with samples of 16 bits (features/image/picture.h), as far as can be told. Any thread.
  bool has_sixteen_bits(std::size_t index) const;
  /// Any thread. Throws DataError.
  PictureBytes read(std::size_t index) const;

 private:
  PictureSet() = default;
  void open_folder(const PictureSource& source);
  /// Pictures of folders that are called after one another are said, and stay together.
  void group_namesakes(const ColumnChoice& choice);
  void open_table(const PictureSource& source);
  void open_idx(const PictureSource& source);
  void open_npz(const PictureSource& source);
  void set_array(ByteArray array, const std::string& where);
  /// Labels of their own file, of a `member` if it is an archive; `beside`: the samples' identifiers. Gives the
  /// one that rows go together by, as bring_labels() does.
  std::string read_labels(const PictureSource& source, const std::string& member,
                          const std::vector<NamedColumn>& beside, const ClassRequest& classes,
                          std::vector<GroupColumn>& groups);
  /// Dataset::label_name of a member, which a table's reader says itself.
  void say_label_name(const std::string& name);
  void set_labels(const LabelWords& words, const ClassRequest& classes, const std::string& where);

  std::string origin_;  // opens messages
  std::vector<std::string> names_;
  Labels labels_;
  std::vector<std::string> classes_;
  SampleGroups groups_;
  Reading reading_;
  std::vector<std::filesystem::path> files_;  // of folders and tables
  std::vector<std::size_t> lines_;            // of tables
  ByteArray array_;                           // of IDX and .npz
  std::size_t width_ = 0, height_ = 0, channels_ = 0;
};

}  // namespace blindtuner::features
