#!/usr/bin/perl
# Tide tables for a harbour.
use strict;
use warnings;
use utf8;

package Harbour;

use parent -norequire, 'Harbour::Base';
use constant MINIMUM_DEPTH => 1.5;
use constant { EBB => -1, FLOOD => 1, 'SLACK' => 0 };
use constant LEVELS => qw(low high);

our $VERSION = '2.1';
our (@stations, %by_name);
my $counter = 0;
my ($first, @rest) = (1, 2);

=head1 NAME

Harbour - tides, and the harbours that suffer them

=head2 new

Opens a station by name.

=cut

sub new {
    my ($class, %arguments) = @_;
    my $self = bless { name => $arguments{name}, depth => MINIMUM_DEPTH }, $class;
    push @stations, $self;
    return $self;
}

# Whether a ship floats.
#
# Takes the draught in metres.
sub is_navigable {
    my $self = shift;
    my $margin = sub { $self->{depth} - $_[0] };
    return $margin->(shift) > 0;
}

sub _trim($$;@);

sub depth : lvalue { $_[0]->{depth} }

sub with_signature($self, $name, $depth = 1.5, @) {
    state $calls = 0;
    return ++$calls;
}

*is_open = \&is_navigable;
*alias = sub { 1 };

BEGIN {
    require POSIX;
}

package Harbour::Gauge {
    our $LIMIT = 12;

    sub read_gauge {
        my $line = <<"END";
sub not_a_sub { }
END
        return $line;
    }
}

package Harbour::Quay 1.02;

sub moor { 1 }

sub Harbour::Other::qualified {
    return map { $_ * 2 } grep { /^\d+$/ } @_;
}

package main;

format STDOUT =
@<<<<<< @>>>>>
$counter, $first
.

my %dispatch = (
    list => sub { print join ', ', @Harbour::stations },
    help => \&usage,
);

sub usage {
    print STDERR "usage: $0 list|help\n";
    exit 1;
}

usage() unless @ARGV;
($dispatch{ $ARGV[0] } // \&usage)->();

__END__

sub after_the_end { }
