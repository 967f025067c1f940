// The library asks for this polyfill and has to find it before itself: everybody imports the library through this file.
import 'reflect-metadata';
export * from '@peculiar/x509';
