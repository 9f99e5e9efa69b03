#include "app/common/inspect.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/common/progress.h"
#include "app/common/report.h"
#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/utf8.h"
#include "io/file_stream.h"
#include "records/dataset.h"
#include "records/sections.h"
#include "records/study/key_shares.h"
#include "records/training_state.h"

namespace blindtuner::app {
using namespace records;
namespace {

nlohmann::json layout_json(const ProductLayout& l) {
  return {{"samples", l.samples},
          {"features", l.features - 1},  // the last of the layout is the bias
          {"classes", l.classes},
          {"width", l.width},
          {"samples_per_ciphertext", l.rows()}};
}

// What is known before the body: layout, source, training.
nlohmann::json contents_of(const std::filesystem::path& path, FileKind kind,
                           const Parameters& parameters) {
  FileSource source(path);
  ContainerReader in(source);
  nlohmann::json out = nlohmann::json::object();
  switch (kind) {
    case FileKind::kEvaluationKeys:
      out = layout_json(read_layout_section(in, parameters));
      out.erase("samples");  // keys are for any number
      break;
    case FileKind::kDataset: {
      const DatasetInfo info = read_dataset_info(in, parameters);
      out = layout_json(info.layout);
      out["labelled"] = info.labelled;
      if (!info.source.empty()) out["source"] = info.source;
      break;
    }
    case FileKind::kRound:
    case FileKind::kModel:
    case FileKind::kCheckpoint: {
      out = layout_json(read_layout_section(in, parameters));
      in.skip_section();
      const TrainingState training = read_training_state(in);
      out["steps_done"] = training.steps;
      out["config"] = to_json(training.config);
      out["softmax"] = training.circuit;
      break;
    }
    case FileKind::kKeyShares: {
      const KeySharesInfo info = read_key_shares_info(in, parameters);
      out = layout_json(info.layout);
      out.erase("samples");
      out["owner"] = info.owner + 1;
      out["owners"] = info.owners;
      break;
    }
    case FileKind::kWayInKeys:
      out = layout_json(read_layout_section(in, parameters));
      out.erase("samples");
      break;
    case FileKind::kScores:
      out = layout_json(read_layout_section(in, parameters));
      break;
    default:
      break;
  }
  return out;
}

}  // namespace

Inspection inspect_file(const std::filesystem::path& path, bool refuse_secret_keys, bool quiet) {
  FileSource source(path);
  ContainerReader in(source);
  const FileHeader& header = in.header();
  if (refuse_secret_keys && header.kind == FileKind::kSecretKey)
    in.fail("is a secret key: it belongs to its owner alone, not on a server");
  ProgressBar progress("checking " + in.name(), quiet);
  const std::uint64_t file_bytes = source.size().value();
  in.on_progress([&](std::uint64_t bytes) {
    progress.update(static_cast<double>(bytes) / static_cast<double>(file_bytes));
  });
  const std::vector<SectionSize> sections = scan_sections(in);
  progress.finish();
  // Nothing is computed here, so sets below 128 bits may be looked at.
  const ParametersPtr parameters = load_parameters(in, true);

  nlohmann::json report = {
      {"file", path.string()},
      {"kind", identifier(header.kind)},
      {"format_version", header.version},
      {"bytes", file_bytes},
      {"key_id", to_string(header.key_id)},
      {"parameters", parameters_report(*parameters)},
      {"contents", contents_of(path, header.kind, *parameters)},
  };
  for (const SectionSize& section : sections)
    report["sections"].push_back({{"name", section.name}, {"bytes", section.bytes}});

  std::ostringstream text;
  text << in.name() << " is " << describe(header.kind) << " (format " << header.version << ", "
       << bytes_text(static_cast<double>(file_bytes)) << ", undamaged)\n"
       << "keys        " << to_string(header.key_id) << "\n"
       << parameters_text(*parameters);
  for (const auto& [key, value] : report["contents"].items())
    text << key << "  " << printable(json_text(value)) << "\n";
  for (const SectionSize& section : sections)
    text << "section " << section.name << "  " << bytes_text(static_cast<double>(section.bytes))
         << "\n";
  return {std::move(report), text.str()};
}

void add_inspect(Program& program, bool refuse_secret_keys) {
  program.add_command(
      "inspect", "say what a file is: kind, parameters, security, sizes; checks it for damage",
      [&](Command& command) -> std::function<void()> {
        auto file = std::make_shared<std::string>();
        command.add_option("file", *file, "keys, data, a model, scores, a round or a checkpoint")
            .required();
        return [&program, file, refuse_secret_keys] {
          const Inspection found = inspect_file(*file, refuse_secret_keys, program.options().quiet);
          print_report(program.options(), found.report, found.text);
        };
      });
}

}  // namespace blindtuner::app
