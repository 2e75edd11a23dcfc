/** The safetensors files of a Hugging Face folder, one or several, as one set of tensors. */
import {type Folder, SafetensorsReader} from '../../io/index.js';

/** Tensors of a folder by name. */
export class WeightFiles {
  private constructor(
    private readonly readers: SafetensorsReader[],
    private readonly byTensor: Map<string, SafetensorsReader>,
  ) {}

  /**
   * Opens `model.safetensors`, or what `model.safetensors.index.json` lists.
   *
   * @param name Another file than that, which may likewise be an index of shards.
   * @throws If neither is there, a shard is missing or corrupt, or a tensor is not where the index says.
   */
  static async open(folder: Folder, name = 'model.safetensors'): Promise<WeightFiles> {
    const index = await folder.text(`${name}.index.json`);
    if (index == null) {
      return WeightFiles.openFiles(folder, [name]);
    }
    const path = folder.pathOf(`${name}.index.json`);
    const map = parseIndex(index, path);
    const files = await WeightFiles.openFiles(folder, [...new Set(map.values())]);
    for (const [tensor, file] of map) {
      const reader = files.byTensor.get(tensor);
      if (reader == null || !reader.label.endsWith(file)) {
        await files.close();
        throw new Error(`${path} says that tensor '${tensor}' is in ${file}, but it is not there.`);
      }
    }
    return files;
  }

  /** Opens the files named. A tensor in two of them is an error. */
  static async openFiles(folder: Folder, names: string[]): Promise<WeightFiles> {
    const readers: SafetensorsReader[] = [];
    const byTensor = new Map<string, SafetensorsReader>();
    try {
      for (const name of names) {
        const source = await folder.open(name);
        const reader = await SafetensorsReader.open(source).catch(async (error) => {
          await source.close();
          throw error;
        });
        readers.push(reader);
        for (const tensor of reader.names()) {
          const other = byTensor.get(tensor);
          if (other != null) {
            throw new Error(`tensor '${tensor}' is both in ${other.label} and in ${reader.label}.`);
          }
          byTensor.set(tensor, reader);
        }
      }
    } catch (error) {
      await Promise.all(readers.map((reader) => reader.close()));
      throw error;
    }
    return new WeightFiles(readers, byTensor);
  }

  /** Names of all tensors. */
  names(): string[] {
    return [...this.byTensor.keys()];
  }

  /** The file that has a tensor, or undefined. */
  reader(tensor: string): SafetensorsReader | undefined {
    return this.byTensor.get(tensor);
  }

  /** Lets go of all files. */
  async close(): Promise<void> {
    await Promise.all(this.readers.map((reader) => reader.close()));
  }
}

function parseIndex(json: string, path: string): Map<string, string> {
  let parsed: {weight_map?: unknown};
  try {
    parsed = JSON.parse(json) as {weight_map?: unknown};
  } catch (error) {
    throw new Error(`${path} is not JSON: ${(error as Error).message}.`);
  }
  const map = parsed?.weight_map;
  const good =
    map != null &&
    typeof map === 'object' &&
    Object.values(map).every((file) => typeof file === 'string' && !/[/\\]/.test(file));
  if (!good) {
    throw new Error(`${path} has no weight_map from tensor names to file names.`);
  }
  return new Map(Object.entries(map as Record<string, string>));
}
