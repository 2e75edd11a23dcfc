/** Keeping TensorFlow's log to the level that `TF_CPP_MIN_LOG_LEVEL` asks for while its libraries are loaded. */

/** The module that `tfjs-mapl setup` builds (`quiet.cc`). */
export interface StderrCapture {
  begin(): void;
  end(): string;
}

/**
 * Runs `load` with stderr taken aside and lets through what is at or above `level`.
 *
 * @param level 0 lets everything through, 1 leaves out information, 2 warnings, 3 errors
 * @param write where the lines go that are let through
 */
export function loadQuietly<T>(
  capture: StderrCapture,
  level: number,
  load: () => T,
  write: (text: string) => void,
): T {
  capture.begin();
  try {
    return load();
  } finally {
    const text = filterLog(capture.end(), level);
    if (text !== '') write(text);
  }
}

/** The lines of TensorFlow's log (`I0000 …`, `W0000 …`) at or above `level`, and all that is not its log. */
export function filterLog(text: string, level: number): string {
  return text
    .split(/(?<=\n)/)
    .filter((line) => {
      if (line.startsWith('WARNING: All log messages before absl::InitializeLog()'))
        return level < 1;
      const severity = /^([IWEF])\d{4} /.exec(line)?.[1];
      return severity == null || 'IWEF'.indexOf(severity) >= level;
    })
    .join('');
}
