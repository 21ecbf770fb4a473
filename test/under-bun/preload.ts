import { MiniTap } from './tap.ts';

/** Bun's plugins, as far as they are used here. */
declare const Bun: {
  plugin(plugin: { name: string; setup(build: PluginBuilder): void }): void;
};

interface PluginBuilder {
  module(name: string, load: () => { exports: object; loader: 'object' }): void;
}

const tap = new MiniTap('');

Bun.plugin({
  name: 'tap',
  setup(build) {
    build.module('tap', () => ({ exports: { default: tap }, loader: 'object' }));
  },
});

process.once('beforeExit', () => {
  // It stays so when a test waits for something that nobody will do any more.
  process.exitCode = 1;
  void tap.finish().then((failures) => {
    process.exit(failures === 0 ? 0 : 1);
  });
});
