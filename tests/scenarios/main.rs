mod layers;
mod supervised;
