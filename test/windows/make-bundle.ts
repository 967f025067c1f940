import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { packageRoot } from '../../shared/package-root.js';

/** Bundles what is compiled: `make-bundle.js FOLDER HOME`, see bundle.ts. */

const DIST = join(packageRoot, 'dist');
const SUITES = 'test/windows/suites';
/** Every program that a test starts, but for those of the suites' folder, which all count. */
const PROGRAMS = [
  'agent/main.js',
  'agent/detect/files/content-worker.js',
  'agent/local/login/main.js',
  'bench/wfp/add-process.js',
  'bench/wfp/apply-process.js',
];

const [folder = '', home = ''] = process.argv.slice(2);
const suites = readdirSync(join(DIST, SUITES)).filter((name) => name.endsWith('.js'));
await build({
  entryPoints: [...PROGRAMS, ...suites.map((name) => `${SUITES}/${name}`)].map((name) => join(DIST, name)),
  outdir: folder,
  outbase: DIST,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Native code is found beside its package.
  external: ['koffi', 'libsql', 'fsevents'],
  // Packages of the older kind expect this.
  banner: {
    js: "import { createRequire as nodeRequire } from 'node:module'; const require = nodeRequire(import.meta.url);",
  },
  plugins: [ownPlace(home)],
  logLevel: 'error',
});

/** A module finds files and programs beside itself: to it, it must stand where it stands in `dist`. */
function ownPlace(home: string): Plugin {
  const root = `file:///${home.replaceAll('\\', '/')}/dist/`;
  return {
    name: 'own place',
    setup: (bundler) =>
      bundler.onLoad({ filter: /\.js$/ }, ({ path }) => {
        if (!path.startsWith(`${DIST}/`)) return undefined;
        const url = JSON.stringify(root + relative(DIST, path));
        return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', url) };
      }),
  };
}
