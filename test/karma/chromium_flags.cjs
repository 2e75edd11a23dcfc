/** Flags of the Chromium that tests run in, without the one for headless. */
const FLAGS = [
  // WebGPU on the CPU: there is no GPU where tests run, and the same adapter everywhere gives the same results.
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  '--use-angle=swiftshader',
  // Nothing but the tests: no updates, no first-run pages, no traffic.
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-extensions',
  '--disable-quic',
  '--disable-sync',
  '--no-default-browser-check',
  '--no-first-run',
  // Shared memory is small in containers.
  '--disable-dev-shm-usage',
  // Chromium's sandbox refuses to run as root.
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
];

module.exports = {FLAGS};
